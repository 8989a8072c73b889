import { lengthOf } from '../similarity.js'

/** Finds rows of embeddings that are similar to none, as they come. */
export class RowSurvey {
  /** rows × uint8, shared: 1 where the embedding holds a NaN or an infinity, so that no edge touches it. */
  readonly unusable: Uint8Array
  readonly #zeroRows = { count: 0, first: -1 }
  #row = 0

  constructor(rows: number) {
    this.unusable = new Uint8Array(new SharedArrayBuffer(rows))
  }

  /**
   * Takes the next row.
   *
   * @returns its L2 norm; NaN or infinity where it is unusable
   */
  add(embeddings: Float32Array, start: number, dim: number): number {
    const length = lengthOf(embeddings, start, dim)
    if (length === 0 && this.#zeroRows.count++ === 0) this.#zeroRows.first = this.#row
    if (!Number.isFinite(length)) this.unusable[this.#row] = 1
    this.#row++
    return length
  }

  /** Rows of zeros have no direction: their cosine is 0 with any. `first` is -1 where there are none. */
  get zeroRows(): Readonly<{ count: number; first: number }> {
    return this.#zeroRows
  }

  /** The rows that hold a NaN or an infinity. */
  unusableRows(): Uint32Array {
    const rows = new Uint32Array(this.unusable.reduce((sum, flag) => sum + flag, 0))
    let found = 0
    this.unusable.forEach((flag, row) => flag && (rows[found++] = row))
    return rows
  }
}
