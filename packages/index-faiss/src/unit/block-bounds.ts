import type { CodedGallery } from '../gallery/coded-gallery.js'
import { leastProduct, upperBound } from './upper-bound.js'

/** The largest residual of each block of consecutive rows of a gallery tile. */
export class BlockBounds {
  readonly #columns: number
  readonly #scale: number
  readonly #residuals: Float64Array
  #largest = 0

  /** @param scale of the codes */
  constructor(blocks: number, columnsPerBlock: number, scale: number) {
    this.#columns = columnsPerBlock
    this.#scale = scale
    this.#residuals = new Float64Array(blocks)
  }

  /** @param start the first row of the tile */
  load({ rows, residuals }: CodedGallery, start: number): void {
    let row = start
    for (let block = 0; block < this.#residuals.length; block++) {
      const end = Math.min(rows, start + (block + 1) * this.#columns)
      let largest = 0
      for (; row < end; row++) largest = Math.max(largest, residuals[row]!)
      this.#residuals[block] = largest
    }
    this.#largest = this.#residuals.reduce((a, b) => Math.max(a, b), 0)
  }

  /**
   * Finds the blocks that may hold a pair of a row.
   *
   * @param residual of the row
   * @param maxima the largest product of each block with the row, from `at` on
   * @param bound what the upper bound of a pair's cosine must reach
   * @param firstBlock those before are left out
   */
  forEachReaching(
    residual: number,
    maxima: ArrayLike<number>,
    at: number,
    bound: number,
    firstBlock: number,
    found: (block: number) => void,
  ): void {
    // First what holds for all blocks: one comparison each.
    const least = leastProduct(bound, this.#scale, residual, this.#largest) - 1
    for (let block = firstBlock; block < this.#residuals.length; block++) {
      const product = maxima[at + block]!
      if (product < least) continue
      // What is no number is looked at, too.
      if (!(upperBound(product, this.#scale, residual, this.#residuals[block]!) < bound)) found(block)
    }
  }
}
