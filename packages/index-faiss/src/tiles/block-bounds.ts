import type { GalleryData } from '../gallery/gallery.js'

/** Covers the rounding of the bounds' own arithmetic and of a similarity to float32: see EXACTNESS.md. */
export const SLACK = 2 ** -22

/** What a bound needs to know of a row: see `quantizeRow` and `tailNorms`. */
export interface CodedRow {
  scale: number
  residual: number
  /** 0 where products are of all components. */
  tail: number
}

/** The largest scale, residual and tail of each block of consecutive rows of a gallery tile. */
export class BlockBounds {
  readonly #columns: number
  readonly #scales: Float64Array
  readonly #residuals: Float64Array
  readonly #tails: Float64Array
  #largestScale = 0
  #largestResidual = 0
  #largestTail = 0

  constructor(blocks: number, columnsPerBlock: number) {
    this.#columns = columnsPerBlock
    this.#scales = new Float64Array(blocks)
    this.#residuals = new Float64Array(blocks)
    this.#tails = new Float64Array(blocks)
  }

  /** @param tails of the rows from `start` on */
  load({ rows, scales, residuals }: GalleryData, start: number, tails: Float64Array): void {
    const blocks = this.#scales.length
    for (let block = 0, row = start; block < blocks; block++) {
      const end = Math.min(rows, start + (block + 1) * this.#columns)
      let [scale, residual, tail] = [0, 0, 0]
      for (; row < end; row++) {
        scale = Math.max(scale, scales[row]!)
        residual = Math.max(residual, residuals[row]!)
        tail = Math.max(tail, tails[row - start]!)
      }
      this.#scales[block] = scale
      this.#residuals[block] = residual
      this.#tails[block] = tail
    }
    const largest = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), 0)
    this.#largestScale = largest(this.#scales)
    this.#largestResidual = largest(this.#residuals)
    this.#largestTail = largest(this.#tails)
  }

  /**
   * Finds the blocks that may hold a pair of a row.
   *
   * @param maxima the largest product of each block with the row, from `at` on
   * @param bound what the upper bound of a pair's cosine must reach
   * @param firstBlock those before are left out
   */
  forEachReaching(
    { scale, residual, tail }: CodedRow,
    maxima: ArrayLike<number>,
    at: number,
    bound: number,
    firstBlock: number,
    found: (block: number) => void,
  ): void {
    // First what holds for all blocks: one comparison each.
    const needed = bound - residual - this.#largestResidual * (1 + residual) - tail * this.#largestTail
    const lowest = needed > 0 ? needed / (scale * this.#largestScale) : -Infinity
    const blocks = this.#scales.length
    for (let block = firstBlock; block < blocks; block++) {
      const product = maxima[at + block]!
      if (product < lowest) continue
      const upper =
        scale * this.#scales[block]! * Math.max(0, product) +
        tail * this.#tails[block]! +
        residual +
        this.#residuals[block]! * (1 + residual)
      // What is no number is looked at, too.
      if (!(upper < bound)) found(block)
    }
  }
}
