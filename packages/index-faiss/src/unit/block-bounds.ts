import type { CodedGallery } from '../gallery/coded-gallery.js'
import { leastProduct, upperBound } from './upper-bound.js'

/** Tells by the largest products of blocks of consecutive rows of a gallery tile which of them may hold pairs. */
export class BlockBounds {
  readonly #columns: number
  readonly #scale: number
  /** Of each block, and of all: the largest excess. */
  readonly #excesses: Float64Array
  #largest = 0

  /** @param scale of the codes */
  constructor(blocks: number, columnsPerBlock: number, scale: number) {
    this.#columns = columnsPerBlock
    this.#scale = scale
    this.#excesses = new Float64Array(blocks)
  }

  /** @param start the first row of the tile */
  load({ rows, excesses }: CodedGallery, start: number): void {
    let row = start
    for (let block = 0; block < this.#excesses.length; block++) {
      const end = Math.min(rows, start + (block + 1) * this.#columns)
      let largest = 0
      for (; row < end; row++) largest = Math.max(largest, excesses[row]!)
      this.#excesses[block] = largest
    }
    this.#largest = this.#excesses.reduce((a, b) => Math.max(a, b), 0)
  }

  /**
   * Finds the blocks that may hold a pair of a row.
   *
   * @param allowance of the row, and the least of the gallery
   * @param maxima the largest product of each block with the row, from `at` on
   * @param bound what the upper bound of a pair's cosine must reach
   * @param firstBlock those before are left out
   */
  forEachReaching(
    allowance: number,
    maxima: ArrayLike<number>,
    at: number,
    bound: number,
    firstBlock: number,
    found: (block: number) => void,
  ): void {
    const scale = this.#scale
    // First what holds for all blocks: one comparison each.
    const least = leastProduct(bound, scale, allowance, this.#largest)
    for (let block = firstBlock; block < this.#excesses.length; block++) {
      const product = maxima[at + block]!
      if (product < least) continue
      // What is no number is looked at, too.
      if (!(upperBound(product, scale, allowance, this.#excesses[block]!) < bound)) found(block)
    }
  }
}
