import type { FloatProduct } from '../float-product.js'
import { allowanceOf, squaredTail } from '../gallery/quantize.js'
import { BLOCK_COLUMNS } from '../kernel/product-kernel.js'

/** Rows of either side. */
export const TRIAL_ROWS = 512

/** What a screen lets pass of a tile. */
export interface Passed {
  /** Pairs a row, rows of all rows, blocks of all blocks. */
  pairs: number
  rows: number
  blocks: number
}

/** Tells what a screen by the first components lets pass of a tile of sampled rows, more and more of them. */
export class TrialTile {
  readonly #product: FloatProduct
  readonly #threshold: number
  readonly #sums = new Float32Array(TRIAL_ROWS ** 2)
  readonly #added = new Float32Array(TRIAL_ROWS ** 2)
  /** Of the rows of either side: squares of their components so far. */
  readonly #squares = [new Float64Array(TRIAL_ROWS), new Float64Array(TRIAL_ROWS)]

  /** @param threshold pairs at or above it are looked for */
  constructor(product: FloatProduct, threshold: number) {
    this.#product = product
    this.#threshold = threshold
  }

  /**
   * Takes the next components of all rows.
   *
   * @param sides queries and gallery, each TRIAL_ROWS × count float32, row-major
   */
  async add(sides: readonly Float32Array[]): Promise<void> {
    const [queries, gallery] = sides
    await this.#product.run(queries!, gallery!, queries!.length / TRIAL_ROWS, this.#added)
    for (let i = 0; i < this.#sums.length; i++) this.#sums[i]! += this.#added[i]!
    sides.forEach((values, side) => {
      const squares = this.#squares[side]!
      const count = values.length / TRIAL_ROWS
      for (let row = 0, at = 0; row < TRIAL_ROWS; row++)
        for (let i = 0; i < count; i++, at++) squares[row]! += values[at]! ** 2
    })
  }

  /** Mean square of the components so far: the share of a row's length that they hold. */
  get held(): number {
    return this.#squares[0]!.reduce((a, b) => a + b) / TRIAL_ROWS
  }

  /**
   * @param residual of a row's codes, about
   * @param isWhole whether there are no further components
   */
  passed(residual: number, isWhole: boolean): Passed {
    const [own, others] = this.#squares.map((squares) =>
      squares.map((square) =>
        square === 0 ? 0 : allowanceOf(residual, isWhole ? 0 : squaredTail(Math.sqrt(square), 0)),
      ),
    )
    let [pairs, rows, blocks] = [0, 0, 0]
    for (let row = 0, at = 0; row < TRIAL_ROWS; row++) {
      const needed = this.#threshold - own![row]!
      const before = pairs
      for (let block = 0; block < TRIAL_ROWS; block += BLOCK_COLUMNS) {
        const beforeBlock = pairs
        for (let i = block; i < block + BLOCK_COLUMNS; i++, at++)
          if (this.#sums[at]! + others![i]! >= needed) pairs++
        if (pairs > beforeBlock) blocks++
      }
      if (pairs > before) rows++
    }
    return {
      pairs: pairs / TRIAL_ROWS,
      rows: rows / TRIAL_ROWS,
      blocks: blocks / (TRIAL_ROWS * (TRIAL_ROWS / BLOCK_COLUMNS)),
    }
  }
}
