import type { EdgeBatch } from '@facekit/core'
import { CodeTiles, transpose } from './code-tiles.js'
import { createFloatProduct, type FloatProduct } from './float-product.js'
import { FloatRows } from './float-rows.js'
import type { GalleryData } from './gallery.js'
import { raiseToListed } from './lowest-listed.js'
import { PairBuffer } from './pair-buffer.js'
import { BLOCK_COLUMNS, createScreen, isExact, toQueries, type Screen } from './screen.js'
import { similarity, similarityError } from './similarity.js'
import { queryTilesOf, type Unit } from './tile-plan.js'

export interface TileSearchOptions {
  gallery: GalleryData
  tileRows: number
  /** float32: pairs at or above it are looked for. */
  threshold: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
  /**
   * rows × float32, shared: a similarity that the last neighbor in the list of each row is not below, as far as is known.
   * A pair below both of its ends' is in no list.
   */
  cutoffs: Float32Array
  /** One number, shared: 1 when the search is to end. */
  stop: Int32Array
}

/** Covers the rounding of the bound's own arithmetic and of a similarity to float32: see EXACTNESS.md. */
const SLACK = 2 ** -22

/** Blocks per query row, on average, from which a float32 product costs less than deciding pairs one by one. */
const DENSE_BLOCKS_PER_ROW = 1

/** A row and a run of `BLOCK_COLUMNS` columns of the gallery tile, among which may be a pair. */
interface FlaggedBlock {
  source: number
  block: number
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
  readonly #screen: Screen
  readonly #codes: CodeTiles
  readonly #rows: FloatRows
  readonly #pairs = new PairBuffer()
  /** Of the group at hand: group tiles × tileRows × dim uint8, codes plus `ZERO_CODE`. */
  #queryCodes = new Uint8Array(0)
  #group = -1
  /** tileRows × dim, for codes on their way. */
  readonly #tileCodes: Int8Array
  /** tileRows × dim uint8: codes plus `ZERO_CODE` of the rows that are followed up. */
  readonly #followedCodes: Uint8Array
  /** Per block of the gallery tile: the largest scale and residual. */
  readonly #blockScales: Float64Array
  readonly #blockResiduals: Float64Array
  #floatProduct: FloatProduct | undefined
  /** Whether products of codes are exact on this machine. */
  readonly exact: boolean

  private constructor(options: TileSearchOptions, screen: Screen, exact: boolean) {
    const { gallery, tileRows } = options
    this.#options = options
    this.#screen = screen
    this.exact = exact
    this.#codes = new CodeTiles(gallery, tileRows)
    this.#rows = new FloatRows(gallery)
    this.#tileCodes = new Int8Array(tileRows * gallery.dim)
    this.#followedCodes = new Uint8Array(tileRows * gallery.dim)
    this.#blockScales = new Float64Array(tileRows / BLOCK_COLUMNS)
    this.#blockResiduals = new Float64Array(tileRows / BLOCK_COLUMNS)
  }

  static async create(options: TileSearchOptions): Promise<TileSearch> {
    const { tileRows, gallery } = options
    const screen = await createScreen(tileRows, gallery.dim)
    return new TileSearch(options, screen, await isExact(screen, tileRows, gallery.dim))
  }

  /** @param screening whether to try the screen first, or to compute float32 products at once */
  async search(unit: Unit, screening: boolean): Promise<UnitResult> {
    const tiles = queryTilesOf(unit)
    const flagged: FlaggedBlock[] = []
    let denseTiles = 0
    if (screening) this.#load(unit)
    for (const tile of tiles) {
      if (Atomics.load(this.#options.stop, 0) === 1) break
      if (screening && (await this.#screenTile(tile, unit, flagged))) continue
      denseTiles++
      await this.#searchDense(tile, unit.galleryTile)
    }
    await this.#followUp(unit, flagged)
    return { pairs: this.#pairs.take(), tiles: tiles.length, denseTiles }
  }

  close(): void {
    this.#codes.close()
    this.#rows.close()
  }

  #load({ group, firstQueryTile, endQueryTile, galleryTile }: Unit): void {
    const { gallery, tileRows } = this.#options
    const tileCodes = tileRows * gallery.dim
    if (this.#group !== group) {
      const tiles = endQueryTile - firstQueryTile
      if (this.#queryCodes.length < tiles * tileCodes) this.#queryCodes = new Uint8Array(tiles * tileCodes)
      const { buffer } = this.#queryCodes
      for (let i = 0; i < tiles; i++) {
        this.#codes.read(firstQueryTile + i, new Int8Array(buffer, i * tileCodes, tileCodes))
      }
      toQueries(new Int32Array(buffer, 0, (tiles * tileCodes) / 4))
      this.#group = group
    }
    this.#codes.read(galleryTile, this.#tileCodes)
    transpose(this.#tileCodes, tileRows, gallery.dim, this.#screen.columns)
    this.#blockScales.fill(0)
    this.#blockResiduals.fill(0)
    const start = galleryTile * tileRows
    for (let row = start; row < Math.min(gallery.rows, start + tileRows); row++) {
      const block = Math.floor((row - start) / BLOCK_COLUMNS)
      this.#blockScales[block] = Math.max(this.#blockScales[block]!, gallery.scales[row]!)
      this.#blockResiduals[block] = Math.max(this.#blockResiduals[block]!, gallery.residuals[row]!)
    }
  }

  /**
   * Flags the blocks of a tile that may hold a pair.
   *
   * @returns false, with nothing flagged, where there are too many
   */
  async #screenTile(queryTile: number, unit: Unit, flagged: FlaggedBlock[]): Promise<boolean> {
    const { gallery, tileRows, threshold } = this.#options
    const tileCodes = tileRows * gallery.dim
    const offset = (queryTile - unit.firstQueryTile) * tileCodes
    const maxima = await this.#screen.maxima(this.#queryCodes.subarray(offset, offset + tileCodes))

    const blocks = this.#blockScales.length
    const largestScale = this.#blockScales.reduce((a, b) => Math.max(a, b))
    const largestResidual = this.#blockResiduals.reduce((a, b) => Math.max(a, b))
    const bound = threshold - SLACK
    const before = flagged.length
    const start = queryTile * tileRows
    const rows = Math.min(tileRows, gallery.rows - start)
    const onDiagonal = queryTile === unit.galleryTile
    for (let row = 0; row < rows; row++) {
      const scale = gallery.scales[start + row]!
      const residual = gallery.residuals[start + row]!
      // First what holds for the tile as a whole: one comparison of integers per block.
      const needed = bound - residual - largestResidual * (1 + residual)
      const lowest = needed > 0 ? needed / (scale * largestScale) : -Infinity
      const first = onDiagonal ? Math.floor(row / BLOCK_COLUMNS) : 0
      for (let block = first, at = row * blocks + first; block < blocks; block++, at++) {
        const product = maxima[at]!
        if (product < lowest) continue
        const ofBlock = this.#blockResiduals[block]!
        const upper =
          scale * this.#blockScales[block]! * Math.max(0, product) + residual + ofBlock * (1 + residual)
        if (upper >= bound) flagged.push({ source: start + row, block })
      }
    }
    // On the diagonal each row finds itself, too.
    const sparse = onDiagonal ? 1 + DENSE_BLOCKS_PER_ROW : DENSE_BLOCKS_PER_ROW
    if (flagged.length - before <= sparse * tileRows) return true
    flagged.length = before
    return false
  }

  /** Decides the pairs of flagged blocks, after the products of their rows with all of the gallery tile. */
  async #followUp(unit: Unit, flagged: readonly FlaggedBlock[]): Promise<void> {
    const { gallery, tileRows } = this.#options
    const { dim } = gallery
    const firstRow = unit.firstQueryTile * tileRows
    for (let at = 0; at < flagged.length;) {
      // Blocks of a row follow one another: it is multiplied once.
      const part: FlaggedBlock[] = []
      let rows = 0
      let last = -1
      for (; at < flagged.length; at++) {
        const { source } = flagged[at]!
        if (source !== last) {
          if (rows === tileRows) break
          const codes = (source - firstRow) * dim
          this.#followedCodes.set(this.#queryCodes.subarray(codes, codes + dim), rows * dim)
          rows++
          last = source
        }
        part.push(flagged[at]!)
      }
      const products = await this.#screen.products(this.#followedCodes.subarray(0, rows * dim))
      let row = -1
      last = -1
      for (const { source, block } of part) {
        if (source !== last) row++
        last = source
        this.#decideBlock(
          source,
          unit.galleryTile,
          block,
          products.subarray(row * tileRows, (row + 1) * tileRows),
        )
      }
    }
  }

  /** @param products of the row with all of the gallery tile */
  #decideBlock(source: number, galleryTile: number, block: number, products: Int32Array): void {
    const { gallery, tileRows, threshold, cutoffs } = this.#options
    const { scales, residuals, rows } = gallery
    const scale = scales[source]!
    const residual = residuals[source]!
    const bound = threshold - SLACK
    const cutoff = cutoffs[source]!
    for (let column = block * BLOCK_COLUMNS; column < (block + 1) * BLOCK_COLUMNS; column++) {
      const target = galleryTile * tileRows + column
      if (target <= source || target >= rows) continue
      const upper =
        scale * scales[target]! * products[column]! + residual + residuals[target]! * (1 + residual)
      if (upper < bound || (upper + SLACK < cutoff && upper + SLACK < cutoffs[target]!)) continue
      this.#decide(source, target)
    }
  }

  /** The float32 products of two tiles: for data of which a screen rules out little. */
  async #searchDense(queryTile: number, galleryTile: number): Promise<void> {
    const { gallery, tileRows, threshold, listLength, cutoffs } = this.#options
    const product = (this.#floatProduct ??= await createFloatProduct(tileRows, gallery.dim))
    const readTile = (tile: number, into: Float32Array) => {
      const start = tile * tileRows
      const end = Math.min(gallery.rows, start + tileRows)
      this.#rows.readUnits(start, end, into)
      // No comparison with NaN is true: rows that cannot be used crowd nobody out of a list.
      for (let row = start; row < end; row++) {
        if (gallery.unusable[row])
          into.fill(NaN, (row - start) * gallery.dim, (row - start + 1) * gallery.dim)
      }
      return [start, end - start] as const
    }
    const [sourceStart, sources] = readTile(queryTile, product.queries)
    const [targetStart, targets] = readTile(galleryTile, product.gallery)
    await product.run()

    const error = similarityError(gallery.dim)
    // Below these a pair is in the list of neither of its ends, here or elsewhere.
    const boundsOf = (start: number, count: number) =>
      Float64Array.from({ length: count }, (_, i) => Math.max(threshold, cutoffs[start + i]!) - error)
    const byRow = boundsOf(sourceStart, sources)
    const byColumn = boundsOf(targetStart, targets)
    const { products } = product
    // On the diagonal each row finds itself, too.
    const others = queryTile === galleryTile ? listLength + 1 : listLength
    const rowLists = { lists: sources, stride: tileRows, length: targets, step: 1 }
    const columnLists = { lists: targets, stride: 1, length: sources, step: tileRows }
    raiseToListed(products, rowLists, byRow, others, error)
    raiseToListed(products, columnLists, byColumn, others, error)
    // For the tiles that come; the bounds are lower than the lists' own ends, if anything.
    byRow.forEach((bound, i) => this.#raiseCutoff(sourceStart + i, bound))
    byColumn.forEach((bound, i) => this.#raiseCutoff(targetStart + i, bound))
    for (let row = 0; row < sources; row++) {
      const bound = byRow[row]!
      const first = queryTile === galleryTile ? row + 1 : 0
      for (let column = first, at = row * tileRows + first; column < targets; column++, at++) {
        const value = products[at]!
        if (value >= bound || value >= byColumn[column]!)
          this.#decide(sourceStart + row, targetStart + column)
      }
    }
  }

  /** Another thread may do the same at once: either bound holds. */
  #raiseCutoff(row: number, bound: number): void {
    const { cutoffs } = this.#options
    if (bound > cutoffs[row]!) cutoffs[row] = bound
  }

  #decide(source: number, target: number): void {
    const { gallery, threshold } = this.#options
    const { lengths, unusable } = gallery
    if (unusable[source] || unusable[target]) return
    const product = lengths[source]! * lengths[target]!
    const cosine = similarity(this.#rows.get(source), this.#rows.get(target), product)
    if (cosine >= threshold) this.#pairs.add(source, target, cosine)
  }
}
