import { CodeTiles, transpose } from './code-tiles.js'
import type { GalleryData } from './gallery.js'
import { BLOCK_COLUMNS, toQueries, type Screen } from './screen.js'
import type { Unit } from './tile-plan.js'

/** Covers the rounding of the bound's own arithmetic and of a similarity to float32: see EXACTNESS.md. */
export const SLACK = 2 ** -22

/** Blocks per query row, on average, from which a float32 product costs less than deciding pairs one by one. */
const DENSE_BLOCKS_PER_ROW = 1

/** A row and a run of `BLOCK_COLUMNS` columns of the gallery tile, among which may be a pair. */
export interface FlaggedBlock {
  source: number
  block: number
}

export interface CodeScreenOptions {
  gallery: GalleryData
  tileRows: number
  /** float32: pairs at or above it are looked for. */
  threshold: number
  /** Components that tiles are screened by, from the first on. */
  prefix: number
}

/** Tells which rows and blocks of columns may hold pairs, by products of codes. */
export class CodeScreen {
  readonly #options: CodeScreenOptions
  readonly #screen: Screen
  readonly #codes: CodeTiles
  /** tileRows × dim int8, for codes on their way. */
  readonly #tileCodes: Int8Array
  /** tileRows × dim uint8: codes of the rows that are followed up, as queries. */
  readonly #followedCodes: Uint8Array
  #group = -1
  /** Of the group at hand, as queries: all components, and the first `prefix`. */
  #queryCodes = new Uint8Array(0)
  #queryPrefixes = new Uint8Array(0)
  /** Of the rows of the group: L2 norms of the components behind the prefix. */
  #queryTails = new Float64Array(0)
  /** Of the blocks of the gallery tile: the largest scale, residual and tail. */
  readonly #blockScales: Float64Array
  readonly #blockResiduals: Float64Array
  readonly #blockTails: Float64Array

  constructor(options: CodeScreenOptions, screen: Screen) {
    const { gallery, tileRows } = options
    this.#options = options
    this.#screen = screen
    this.#codes = new CodeTiles(gallery, tileRows)
    this.#tileCodes = new Int8Array(tileRows * gallery.dim)
    this.#followedCodes = new Uint8Array(tileRows * gallery.dim)
    const blocks = tileRows / BLOCK_COLUMNS
    this.#blockScales = new Float64Array(blocks)
    this.#blockResiduals = new Float64Array(blocks)
    this.#blockTails = new Float64Array(blocks)
  }

  /** To be called before the tiles of a unit are screened. */
  load(unit: Unit): void {
    if (this.#group !== unit.group) this.#loadQueries(unit)
    this.#group = unit.group
    this.#loadGalleryTile(unit.galleryTile)
  }

  /**
   * Flags the blocks of a tile that may hold a pair.
   *
   * @param components that products are made of: the prefix, or all
   * @returns false, with nothing flagged, where there are too many
   */
  async flag(queryTile: number, unit: Unit, components: number, flagged: FlaggedBlock[]): Promise<boolean> {
    const { gallery, tileRows, threshold } = this.#options
    const codes = components < gallery.dim ? this.#queryPrefixes : this.#queryCodes
    const tile = queryTile - unit.firstQueryTile
    const size = tileRows * components
    const maxima = await this.#screen.maxima(codes.subarray(tile * size, (tile + 1) * size), components)

    const blocks = this.#blockScales.length
    const largestScale = this.#blockScales.reduce((a, b) => Math.max(a, b))
    const largestResidual = this.#blockResiduals.reduce((a, b) => Math.max(a, b))
    const largestTail = this.#blockTails.reduce((a, b) => Math.max(a, b))
    const bound = threshold - SLACK
    const before = flagged.length
    const start = queryTile * tileRows
    const rows = Math.min(tileRows, gallery.rows - start)
    const onDiagonal = queryTile === unit.galleryTile
    for (let row = 0; row < rows; row++) {
      const scale = gallery.scales[start + row]!
      const residual = gallery.residuals[start + row]!
      const tail = components < gallery.dim ? this.#queryTails[tile * tileRows + row]! : 0
      // First what holds for the tile as a whole: one comparison of integers per block.
      const needed = bound - residual - largestResidual * (1 + residual) - tail * largestTail
      const lowest = needed > 0 ? needed / (scale * largestScale) : -Infinity
      const first = onDiagonal ? Math.floor(row / BLOCK_COLUMNS) : 0
      for (let block = first, at = row * blocks + first; block < blocks; block++, at++) {
        const product = maxima[at]!
        if (product < lowest) continue
        const upper =
          scale * this.#blockScales[block]! * Math.max(0, product) +
          tail * this.#blockTails[block]! +
          residual +
          this.#blockResiduals[block]! * (1 + residual)
        if (upper >= bound) flagged.push({ source: start + row, block })
      }
    }
    // On the diagonal each row finds itself, too.
    const sparse = onDiagonal ? 1 + DENSE_BLOCKS_PER_ROW : DENSE_BLOCKS_PER_ROW
    if (flagged.length - before <= sparse * tileRows) return true
    flagged.length = before
    return false
  }

  /**
   * Multiplies the rows of flagged blocks with all of the gallery tile.
   *
   * @param flagged of the unit that is loaded, the blocks of a row one after the other
   * @param see is given each block with the products of its columns, all components
   */
  async followUp(
    { firstQueryTile }: Unit,
    flagged: readonly FlaggedBlock[],
    see: (block: FlaggedBlock, products: Int32Array) => void,
  ): Promise<void> {
    const { gallery, tileRows } = this.#options
    const { dim } = gallery
    for (let at = 0; at < flagged.length;) {
      const part: { flaggedBlock: FlaggedBlock; row: number }[] = []
      let rows = 0
      for (let last = -1; at < flagged.length; at++) {
        const flaggedBlock = flagged[at]!
        const { source } = flaggedBlock
        if (source !== last) {
          if (rows === tileRows) break
          const start = (source - firstQueryTile * tileRows) * dim
          this.#followedCodes.set(this.#queryCodes.subarray(start, start + dim), rows * dim)
          rows++
          last = source
        }
        part.push({ flaggedBlock, row: rows - 1 })
      }
      const products = await this.#screen.products(this.#followedCodes.subarray(0, rows * dim))
      for (const { flaggedBlock, row } of part) {
        const start = row * tileRows + flaggedBlock.block * BLOCK_COLUMNS
        see(flaggedBlock, products.subarray(start, start + BLOCK_COLUMNS))
      }
    }
  }

  close(): void {
    this.#codes.close()
  }

  #loadQueries({ firstQueryTile, endQueryTile }: Unit): void {
    const { gallery, tileRows, prefix } = this.#options
    const { dim } = gallery
    const rows = (endQueryTile - firstQueryTile) * tileRows
    if (this.#queryCodes.length < rows * dim) {
      this.#queryCodes = new Uint8Array(rows * dim)
      this.#queryPrefixes = new Uint8Array(prefix < dim ? rows * prefix : 0)
      this.#queryTails = new Float64Array(rows)
    }
    const { buffer } = this.#queryCodes
    for (let tile = firstQueryTile; tile < endQueryTile; tile++) {
      const size = tileRows * dim
      const codes = new Int8Array(buffer, (tile - firstQueryTile) * size, size)
      this.#codes.read(tile, codes)
      this.#writeTails(codes, tile, this.#queryTails.subarray((tile - firstQueryTile) * tileRows))
    }
    toQueries(new Int32Array(buffer, 0, (rows * dim) / 4))
    if (prefix === dim) return
    for (let row = 0; row < rows; row++) {
      this.#queryPrefixes.set(this.#queryCodes.subarray(row * dim, row * dim + prefix), row * prefix)
    }
  }

  #loadGalleryTile(tile: number): void {
    const { gallery, tileRows } = this.#options
    this.#codes.read(tile, this.#tileCodes)
    transpose(this.#tileCodes, tileRows, gallery.dim, this.#screen.columns)
    const tails = new Float64Array(tileRows)
    this.#writeTails(this.#tileCodes, tile, tails)
    this.#blockScales.fill(0)
    this.#blockResiduals.fill(0)
    this.#blockTails.fill(0)
    const start = tile * tileRows
    for (let row = start; row < Math.min(gallery.rows, start + tileRows); row++) {
      const block = Math.floor((row - start) / BLOCK_COLUMNS)
      this.#blockScales[block] = Math.max(this.#blockScales[block]!, gallery.scales[row]!)
      this.#blockResiduals[block] = Math.max(this.#blockResiduals[block]!, gallery.residuals[row]!)
      this.#blockTails[block] = Math.max(this.#blockTails[block]!, tails[row - start]!)
    }
  }

  /** @param into one for each row of the tile: the L2 norm of what its codes stand for behind the prefix */
  #writeTails(codes: Int8Array, tile: number, into: Float64Array): void {
    const { gallery, tileRows, prefix } = this.#options
    const { dim, rows, scales } = gallery
    if (prefix === dim) return
    for (let row = 0; row < tileRows && tile * tileRows + row < rows; row++) {
      let squares = 0
      for (let at = row * dim + prefix; at < (row + 1) * dim; at++) squares += codes[at]! * codes[at]!
      into[row] = Math.sqrt(squares) * scales[tile * tileRows + row]!
    }
  }
}
