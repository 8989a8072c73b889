import type { CodedGallery } from '../gallery/coded-gallery.js'
import { excessOf } from '../gallery/quantize.js'
import { leastProduct, upperBound } from './upper-bound.js'

/** A row and a span of columns of the gallery tile, among which may be a pair. */
export interface Flagged {
  source: number
  /** Which span, from 0. */
  span: number
}

/** Tells by the largest products of blocks of consecutive rows of a gallery tile which of them may hold pairs. */
export class BlockBounds {
  /** Columns of a block. */
  readonly span: number
  /** Of each block, and of all: the largest excess. */
  readonly #excesses: Float64Array
  #largest = 0

  constructor(tileRows: number, span: number) {
    this.span = span
    this.#excesses = new Float64Array(tileRows / span)
  }

  /** @param start the first row of the tile */
  load({ rows, coding, allowances }: CodedGallery, start: number): void {
    let row = start
    for (let block = 0; block < this.#excesses.length; block++) {
      const end = Math.min(rows, start + (block + 1) * this.span)
      let largest = 0
      for (; row < end; row++) largest = Math.max(largest, excessOf(allowances[row]!, coding))
      this.#excesses[block] = largest
    }
    this.#largest = this.#excesses.reduce((a, b) => Math.max(a, b), 0)
  }

  /**
   * Adds the blocks that may hold pairs of rows.
   *
   * @param rows that are looked at
   * @param maxima rows × blocks: the largest product of each row with each block
   * @param bound what the upper bound of a pair's cosine must reach
   * @param start the first row of the tile: blocks before a row of the tile are left out, since they have found it
   */
  flag(
    { allowances, coding }: CodedGallery,
    rows: ArrayLike<number>,
    maxima: ArrayLike<number>,
    bound: number,
    start: number,
    found: Flagged[],
  ): void {
    const blocks = this.#excesses.length
    for (let i = 0; i < rows.length; i++) {
      const source = rows[i]!
      const allowance = allowances[source]! + coding.leastAllowance
      // First what holds for all blocks: one comparison each.
      const least = leastProduct(bound, coding.scale, allowance, this.#largest)
      const first = source < start ? 0 : Math.floor((source - start) / this.span)
      for (let block = first, at = i * blocks + first; block < blocks; block++, at++) {
        const product = maxima[at]!
        if (product < least) continue
        // What is no number is looked at, too.
        if (!(upperBound(product, coding.scale, allowance, this.#excesses[block]!) < bound))
          found.push({ source, span: block })
      }
    }
  }
}
