import { FloatRows } from '../gallery/float-rows.js'
import { choosePrefix } from './choose-prefix.js'
import { CodeScreen, isDense, type FlaggedBlock } from './code-screen.js'
import { DenseSearch, type DenseSearchOptions } from './dense-search.js'
import { PairDecider } from './pair-decider.js'
import { BLOCK_COLUMNS, createScreen, isExact } from './screen.js'
import { queryTilesOf, type Unit } from './tile-plan.js'
import type { UnitResult, UnitSearch } from './unit-search.js'

/** Searches on one core of the CPU. */
export class CoreSearch implements UnitSearch {
  readonly #options: DenseSearchOptions
  readonly #isStopped: () => boolean
  readonly #rows: FloatRows
  readonly #decider: PairDecider
  readonly #dense: DenseSearch
  readonly #screen: CodeScreen
  /** Components that tiles are screened by at first. */
  readonly #prefix: number
  readonly unfit: string | undefined

  private constructor(
    options: DenseSearchOptions,
    isStopped: () => boolean,
    screen: CodeScreen,
    prefix: number,
    exact: boolean,
  ) {
    this.#options = options
    this.#isStopped = isStopped
    this.#screen = screen
    this.#prefix = prefix
    if (!exact) this.unfit = 'this CPU does not multiply 8-bit numbers exactly'
    this.#rows = new FloatRows(options.gallery)
    this.#decider = new PairDecider(options, this.#rows)
    this.#dense = new DenseSearch(options, this.#rows, this.#decider)
  }

  /** @param isStopped asked between tiles */
  static async create(options: DenseSearchOptions, isStopped: () => boolean): Promise<CoreSearch> {
    const { tileRows, gallery } = options
    const screen = await createScreen(tileRows, gallery.dim)
    const exact = await isExact(screen, tileRows, gallery.dim)
    const { prefix } = await choosePrefix(options, screen, tileRows)
    return new CoreSearch(options, isStopped, new CodeScreen({ ...options, prefix }, screen), prefix, exact)
  }

  async search(unit: Unit, screening: boolean): Promise<UnitResult> {
    const { gallery, tileRows } = this.#options
    const tiles = queryTilesOf(unit)
    const flagged: FlaggedBlock[] = []
    let denseTiles = 0
    // Where the first components are not enough for a tile, they are not for the others of the unit either.
    let components = this.#prefix
    if (screening) this.#screen.load(unit)
    for (const tile of tiles) {
      if (this.#isStopped()) break
      const onDiagonal = tile === unit.galleryTile
      let found = screening ? await this.#screen.flag(tile, unit, components) : undefined
      if (found && components < gallery.dim && isDense(found.length, tileRows, onDiagonal)) {
        components = gallery.dim
        found = await this.#screen.flag(tile, unit, components)
      }
      if (found && !isDense(found.length, tileRows, onDiagonal)) {
        for (const block of found) flagged.push(block)
      } else {
        denseTiles++
        await this.#dense.search(tile, unit.galleryTile)
      }
    }
    await this.#screen.followUp(flagged, ({ source, block }, products) =>
      this.#decider.decideRun(source, unit.galleryTile * tileRows + block * BLOCK_COLUMNS, products),
    )
    return { pairs: this.#decider.take(), tiles: tiles.length, denseTiles }
  }

  async close(): Promise<void> {
    this.#screen.close()
    this.#rows.close()
  }
}
