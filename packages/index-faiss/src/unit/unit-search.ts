import type { EdgeBatch } from '@facekit/core'
import type { FloatProduct } from '../float-product.js'
import type { CodeTiles } from '../gallery/code-tiles.js'
import type { CodedGallery } from '../gallery/coded-gallery.js'
import { FloatRows } from '../gallery/float-rows.js'
import { BLOCK_COLUMNS, type ProductKernel } from '../kernel/product-kernel.js'
import { queryTilesOf, type Unit } from '../plan/tile-plan.js'
import { BlockBounds, type Flagged } from './block-bounds.js'
import { DenseSearch, type DenseSearchOptions } from './dense-search.js'
import { PairDecider } from './pair-decider.js'
import { QueryGroup } from './query-group.js'
import { SLACK } from './upper-bound.js'

/** What products of codes are taken from, and of what. */
export interface Screen {
  gallery: CodedGallery
  codes: CodeTiles
  kernel: ProductKernel
}

/**
 * Finds all pairs at or above a threshold, unit by unit: products of codes tell where pairs may be, span by span, and
 * those are decided. It blocks the thread that calls it.
 */
export class UnitSearch {
  readonly #options: DenseSearchOptions
  readonly #isStopped: () => boolean
  readonly #screen: Screen | undefined
  readonly #rows: FloatRows
  readonly #decider: PairDecider
  readonly #dense: DenseSearch
  readonly #queries: QueryGroup | undefined
  /** For each span of the kernel. */
  readonly #bounds: readonly BlockBounds[]

  /**
   * @param screen undefined to compute float32 products of everything
   * @param isStopped asked between tiles
   */
  constructor(
    options: DenseSearchOptions,
    screen: Screen | undefined,
    product: FloatProduct,
    isStopped: () => boolean,
  ) {
    const { gallery, tileRows } = options
    this.#options = options
    this.#screen = screen
    this.#isStopped = isStopped
    this.#rows = new FloatRows(gallery)
    this.#decider = new PairDecider(options, this.#rows)
    this.#dense = new DenseSearch(options, this.#rows, this.#decider, product)
    this.#queries = screen && new QueryGroup(screen.gallery, screen.codes, tileRows)
    this.#bounds = (screen?.kernel.spans ?? []).map((span) => new BlockBounds(tileRows, span))
  }

  async search(unit: Unit): Promise<EdgeBatch> {
    const dense = this.#screen ? await this.#searchScreened(unit, this.#screen) : queryTilesOf(unit)
    for (const tile of dense) await this.#dense.search(tile, unit.galleryTile, this.#isStopped)
    return this.#decider.take()
  }

  async close(): Promise<void> {
    this.#rows.close()
    this.#screen?.codes.close()
    await this.#screen?.kernel.release()
  }

  /** @returns query tiles that it left, because so much was flagged that float32 products cost less */
  async #searchScreened(unit: Unit, screen: Screen): Promise<number[]> {
    const { tileRows } = this.#options
    const { kernel, gallery } = screen
    this.#queries!.load(unit)
    kernel.use(unit.galleryTile)
    for (const bounds of this.#bounds) bounds.load(gallery, unit.galleryTile * tileRows)

    const flagged: Flagged[] = []
    const dense: number[] = []
    for (const tile of queryTilesOf(unit)) {
      if (this.#isStopped()) return []
      const found = await this.#flagTile(tile, unit.galleryTile, screen)
      if (this.#isDense(found.length, this.#bounds[0]!.span, tile === unit.galleryTile)) dense.push(tile)
      else for (const one of found) flagged.push(one)
    }
    let blocks = flagged
    for (const bounds of this.#bounds.slice(1)) {
      const rows = blocks.map(({ source }) => source)
      blocks = await this.#narrow(rows, unit.galleryTile, screen, bounds, dense)
    }
    await this.#decide(blocks, unit.galleryTile, screen)
    return dense
  }

  /** The spans of a whole query tile that may hold pairs. */
  async #flagTile(tile: number, galleryTile: number, { kernel, gallery }: Screen): Promise<Flagged[]> {
    const { tileRows } = this.#options
    const bounds = this.#bounds[0]!
    const first = tile * tileRows
    const length = Math.min(tileRows, gallery.rows - first)
    const queries = this.#queries!.queries(first, length)
    const maxima = await kernel.maxima(queries, bounds.span)
    if (tile === galleryTile) kernel.checkOwn?.(queries, maxima)
    const found: Flagged[] = []
    const rows = new Uint32Array(length)
    for (let i = 0; i < length; i++) rows[i] = first + i
    bounds.flag(gallery, rows, maxima, this.#boundOf(kernel), galleryTile * tileRows, found)
    return found
  }

  /** The smaller spans of rows that may hold pairs, but for query tiles where there are too many of them: `dense`. */
  async #narrow(
    rows: readonly number[],
    galleryTile: number,
    { kernel, gallery }: Screen,
    bounds: BlockBounds,
    dense: number[],
  ): Promise<Flagged[]> {
    const { tileRows } = this.#options
    const ofTiles = new Map<number, Flagged[]>()
    for (let start = 0; start < rows.length; start += tileRows) {
      const part = rows.slice(start, start + tileRows)
      const maxima = await kernel.maxima(this.#queriesOf(part), bounds.span)
      const found: Flagged[] = []
      bounds.flag(gallery, part, maxima, this.#boundOf(kernel), galleryTile * tileRows, found)
      for (const one of found) {
        const tile = Math.floor(one.source / tileRows)
        if (dense.includes(tile)) continue
        const own = ofTiles.get(tile) ?? []
        ofTiles.set(tile, own)
        own.push(one)
        if (!this.#isDense(own.length, bounds.span, tile === galleryTile)) continue
        dense.push(tile)
        ofTiles.delete(tile)
      }
    }
    return [...ofTiles.values()].flat()
  }

  /** What the upper bound of a pair's cosine must reach. */
  #boundOf(kernel: ProductKernel): number {
    return this.#options.threshold - SLACK - kernel.slack
  }

  /** Whether so much of a tile is flagged that float32 products of all of it cost less. */
  #isDense(flagged: number, span: number, onDiagonal: boolean): boolean {
    if (span !== BLOCK_COLUMNS) return false
    const { tileRows } = this.#options
    const most = this.#screen!.kernel.denseShare * tileRows * (tileRows / span)
    // On the diagonal half of the blocks are behind it, and each row finds itself.
    return flagged > (onDiagonal ? most / 2 + tileRows : most)
  }

  async #decide(
    flagged: readonly Flagged[],
    galleryTile: number,
    { kernel, gallery }: Screen,
  ): Promise<void> {
    const { tileRows } = this.#options
    const blocks = tileRows / BLOCK_COLUMNS
    for (let at = 0; at < flagged.length;) {
      const rows: number[] = []
      const picks: number[] = []
      const start = at
      for (; at < flagged.length; at++) {
        const { source, span } = flagged[at]!
        if (source !== rows.at(-1)) {
          if (rows.length === tileRows) break
          rows.push(source)
        }
        picks.push((rows.length - 1) * blocks + span)
      }
      let seen = start
      await kernel.products(this.#queriesOf(rows), picks, (_pick, products) => {
        const { source, span } = flagged[seen++]!
        const firstTarget = galleryTile * tileRows + span * BLOCK_COLUMNS
        this.#decider.decideRun(gallery, source, firstTarget, products, kernel.slack)
      })
    }
  }

  #queriesOf(rows: readonly number[]): Uint8Array {
    const { codeLength } = this.#screen!.gallery.coding
    const queries = new Uint8Array(rows.length * codeLength)
    rows.forEach((row, i) => queries.set(this.#queries!.queries(row, 1), i * codeLength))
    return queries
  }
}
