import type { FloatProduct } from '../float-product.js'
import type { FloatRows } from '../gallery/float-rows.js'
import { similarityError } from '../similarity.js'
import { raiseToListed } from './lowest-listed.js'
import type { PairDecider, PairDeciderOptions } from './pair-decider.js'

/** Rows of a tile that are multiplied at once, at most, and their bytes: a thread holds two such parts. */
const MAX_ROWS = 512
export const MAX_PART_BYTES = 2 ** 23

export interface DenseSearchOptions extends PairDeciderOptions {
  tileRows: number
}

/** Searches tiles by float32 products: for data of which codes rule out little. */
export class DenseSearch {
  readonly #options: DenseSearchOptions
  readonly #rows: FloatRows
  readonly #decider: PairDecider
  readonly #product: FloatProduct
  readonly #partRows: number
  #queries = new Float32Array(0)
  #gallery = new Float32Array(0)
  #products = new Float32Array(0)

  constructor(options: DenseSearchOptions, rows: FloatRows, decider: PairDecider, product: FloatProduct) {
    this.#options = options
    this.#rows = rows
    this.#decider = decider
    this.#product = product
    const fitting = Math.max(1, Math.floor(MAX_PART_BYTES / (4 * options.gallery.dim)))
    this.#partRows = Math.min(MAX_ROWS, options.tileRows, fitting)
  }

  /**
   * @param queryTile not behind `galleryTile`
   * @param isStopped asked now and then: whether to leave it
   */
  async search(queryTile: number, galleryTile: number, isStopped: () => boolean): Promise<void> {
    for (const source of this.#partsOf(queryTile)) {
      for (const target of this.#partsOf(galleryTile)) {
        if (source <= target && !isStopped()) await this.#searchPart(source, target)
      }
    }
  }

  /** The first rows of the parts of a tile. */
  #partsOf(tile: number): number[] {
    const { gallery, tileRows } = this.#options
    const end = Math.min(gallery.rows, (tile + 1) * tileRows)
    const starts: number[] = []
    for (let start = tile * tileRows; start < end; start += this.#partRows) starts.push(start)
    return starts
  }

  async #searchPart(sourceStart: number, targetStart: number): Promise<void> {
    const { gallery, threshold, listLength, cutoffs } = this.#options
    const size = this.#partRows
    if (this.#queries.length === 0) {
      this.#queries = new Float32Array(size * gallery.dim)
      this.#gallery = new Float32Array(size * gallery.dim)
      this.#products = new Float32Array(size * size)
    }
    const sources = this.#readPart(sourceStart, this.#queries)
    const targets = this.#readPart(targetStart, this.#gallery)
    await this.#product.run(this.#queries, this.#gallery, gallery.dim, this.#products)

    const error = similarityError(gallery.dim)
    // Below these a pair is in the list of neither of its ends, here or elsewhere.
    const boundsOf = (start: number, count: number) =>
      Float64Array.from({ length: count }, (_, i) => Math.max(threshold, cutoffs[start + i]!) - error)
    const byRow = boundsOf(sourceStart, sources)
    const byColumn = boundsOf(targetStart, targets)
    const products = this.#products
    const onDiagonal = sourceStart === targetStart
    // On the diagonal each row finds itself, too.
    const others = onDiagonal ? listLength + 1 : listLength
    const rowLists = { lists: sources, stride: size, length: targets, step: 1 }
    const columnLists = { lists: targets, stride: 1, length: sources, step: size }
    raiseToListed(products, rowLists, byRow, others, error)
    raiseToListed(products, columnLists, byColumn, others, error)
    // For the tiles that come; the bounds are lower than the lists' own ends, if anything.
    byRow.forEach((bound, i) => this.#raiseCutoff(sourceStart + i, bound))
    byColumn.forEach((bound, i) => this.#raiseCutoff(targetStart + i, bound))
    for (let row = 0; row < sources; row++) {
      const bound = byRow[row]!
      const first = onDiagonal ? row + 1 : 0
      for (let column = first, at = row * size + first; column < targets; column++, at++) {
        const value = products[at]!
        if (value >= bound || value >= byColumn[column]!)
          this.#decider.decide(sourceStart + row, targetStart + column)
      }
    }
  }

  /** @returns how many rows there are */
  #readPart(start: number, into: Float32Array): number {
    const { gallery } = this.#options
    const end = Math.min(gallery.rows, start + this.#partRows)
    this.#rows.readUnits(start, end, into)
    // No comparison with NaN is true: rows that cannot be used crowd nobody out of a list.
    for (let row = start; row < end; row++) {
      if (gallery.unusable[row]) into.fill(NaN, (row - start) * gallery.dim, (row - start + 1) * gallery.dim)
    }
    return end - start
  }

  /** Another thread may do the same at once: either bound holds. */
  #raiseCutoff(row: number, bound: number): void {
    const { cutoffs } = this.#options
    if (bound > cutoffs[row]!) cutoffs[row] = bound
  }
}
