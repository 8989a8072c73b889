import type { EmbeddingReader } from '@facekit/core'
import { hearSignal } from '../hear-signal.js'

/** Lists beside all rows: 4 MiB at dim 128, a tenth of a second. */
const BESIDE_ALL = 2 ** 13

/** Rows that lists are compared with, one part of them in memory at a time. The last is kept: all of them, if they fit. */
export class RowChunks {
  readonly dim: number
  readonly #reader: EmbeddingReader & { values?: Float32Array | undefined }
  readonly #rowsAtOnce: number
  #start = -1
  #here = new Float32Array(0)

  /** @param bytes for one part */
  constructor(reader: EmbeddingReader & { values?: Float32Array | undefined }, bytes: number) {
    this.dim = reader.dim
    this.#reader = reader
    this.#rowsAtOnce = Math.min(reader.rows, Math.max(1, Math.floor(bytes / (4 * reader.dim))))
  }

  /** How many lists to have in memory at a time: few where all rows are, else many, since all rows are read for each time. */
  get listsAtOnce(): number {
    return this.#rowsAtOnce >= this.#reader.rows ? BESIDE_ALL : this.#rowsAtOnce
  }

  /** All parts in ascending order; valid until the next is asked for. */
  async *parts(): AsyncGenerator<{ start: number; end: number; values: Float32Array }> {
    const { dim } = this
    const { rows, values } = this.#reader
    if (values) {
      yield { start: 0, end: rows, values }
      return
    }
    for (let start = 0; start < rows; start += this.#rowsAtOnce) {
      const end = Math.min(rows, start + this.#rowsAtOnce)
      if (start !== this.#start) {
        this.#start = -1
        if (this.#here.length === 0) this.#here = new Float32Array(this.#rowsAtOnce * dim)
        await this.#reader.readUnits(start, end, this.#here.subarray(0, (end - start) * dim))
        this.#start = start
      }
      yield { start, end, values: this.#here }
    }
  }

  /**
   * Calls back for every item of some lists, those of each list in the order of parts.
   *
   * @param offsets (lists + 1) × float64: where the items of each list begin, and the last end, counted from anywhere
   * @param items rows
   * @param visit of a list, an item, and where its row begins in `values`
   */
  async sweep(
    offsets: Float64Array,
    items: Uint32Array,
    signal: AbortSignal | undefined,
    visit: (list: number, item: number, values: Float32Array, from: number) => void,
  ): Promise<void> {
    const { dim } = this
    const base = offsets[0]!
    for await (const { start, end, values } of this.parts()) {
      for (let list = 0; list < offsets.length - 1; list++) {
        if (list % BESIDE_ALL === 0) await hearSignal(signal)
        for (let item = offsets[list]! - base; item < offsets[list + 1]! - base; item++) {
          const row = items[item]!
          if (row >= start && row < end) visit(list, item, values, (row - start) * dim)
        }
      }
    }
  }
}
