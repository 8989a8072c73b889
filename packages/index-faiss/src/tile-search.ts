import type { EdgeBatch } from '@facekit/core'
import { choosePrefix } from './choose-prefix.js'
import { CodeScreen, type FlaggedBlock } from './code-screen.js'
import { DenseSearch, type DenseSearchOptions } from './dense-search.js'
import { FloatRows } from './float-rows.js'
import { PairDecider } from './pair-decider.js'
import { BLOCK_COLUMNS, createScreen, isExact } from './screen.js'
import { queryTilesOf, type Unit } from './tile-plan.js'

export interface TileSearchOptions extends DenseSearchOptions {
  /** One number, shared: 1 when the search is to end. */
  stop: Int32Array
}

/** What was found in a unit. */
export interface UnitResult {
  pairs: EdgeBatch
  /** Tiles of the unit, and those of them where so much passed the screen that float32 products were needed. */
  tiles: number
  denseTiles: number
}

/** Finds all pairs at or above a threshold, unit by unit. It blocks the thread that calls it. */
export class TileSearch {
  readonly #options: TileSearchOptions
  readonly #rows: FloatRows
  readonly #decider: PairDecider
  readonly #dense: DenseSearch
  readonly #screen: CodeScreen
  /** Components that tiles are screened by at first. */
  readonly #prefix: number
  /** Whether products of codes are exact on this machine. */
  readonly exact: boolean

  private constructor(options: TileSearchOptions, screen: CodeScreen, prefix: number, exact: boolean) {
    this.#options = options
    this.#screen = screen
    this.#prefix = prefix
    this.exact = exact
    this.#rows = new FloatRows(options.gallery)
    this.#decider = new PairDecider(options, this.#rows)
    this.#dense = new DenseSearch(options, this.#rows, this.#decider)
  }

  static async create(options: TileSearchOptions): Promise<TileSearch> {
    const { tileRows, gallery } = options
    const screen = await createScreen(tileRows, gallery.dim)
    const exact = await isExact(screen, tileRows, gallery.dim)
    const prefix = await choosePrefix(options, screen)
    return new TileSearch(options, new CodeScreen({ ...options, prefix }, screen), prefix, exact)
  }

  /** @param screening whether to try the screen first, or to compute float32 products at once */
  async search(unit: Unit, screening: boolean): Promise<UnitResult> {
    const { gallery, tileRows, stop } = this.#options
    const tiles = queryTilesOf(unit)
    const flagged: FlaggedBlock[] = []
    let denseTiles = 0
    let components = this.#prefix
    if (screening) this.#screen.load(unit)
    for (const tile of tiles) {
      if (Atomics.load(stop, 0) === 1) break
      let isSparse = screening && (await this.#screen.flag(tile, unit, components, flagged))
      if (screening && !isSparse && components < gallery.dim) {
        // The other tiles of the unit are likely to be like this one.
        components = gallery.dim
        isSparse = await this.#screen.flag(tile, unit, components, flagged)
      }
      if (isSparse) continue
      denseTiles++
      await this.#dense.search(tile, unit.galleryTile)
    }
    await this.#screen.followUp(unit, flagged, ({ source, block }, products) =>
      this.#decider.decideRun(source, unit.galleryTile * tileRows + block * BLOCK_COLUMNS, products),
    )
    return { pairs: this.#decider.take(), tiles: tiles.length, denseTiles }
  }

  close(): void {
    this.#screen.close()
    this.#rows.close()
  }
}
