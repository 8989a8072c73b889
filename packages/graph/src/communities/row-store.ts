import { ScratchFile, type EmbeddingReader } from '@facekit/core'
import { scratchPath, type Room } from './room.js'

/** Unit rows that are made once and read many times, in memory or in a file. */
export class RowStore implements EmbeddingReader {
  readonly rows: number
  readonly dim: number
  /** rows × dim float32, where they are in memory. */
  readonly values: Float32Array | undefined
  readonly #file: ScratchFile | undefined
  #added = 0

  /** @param name of the file, if it takes one */
  constructor(rows: number, dim: number, room: Room, name: string) {
    this.rows = rows
    this.dim = dim
    if (4 * rows * dim <= room.bytes) this.values = new Float32Array(rows * dim)
    else this.#file = new ScratchFile(scratchPath(room, name))
  }

  /**
   * Adds the next rows.
   *
   * @param fill writes them, over zeros
   */
  async add(rows: number, fill: (into: Float32Array) => Promise<void>): Promise<void> {
    const { dim } = this
    const start = this.#added
    const into = this.values?.subarray(start * dim, (start + rows) * dim) ?? new Float32Array(rows * dim)
    await fill(into)
    this.#file?.append(into)
    this.#added += rows
  }

  readUnits(start: number, end: number, into: Float32Array): void {
    const { dim } = this
    if (this.values) into.set(this.values.subarray(start * dim, end * dim))
    else this.#file!.read(4 * start * dim, into.subarray(0, (end - start) * dim))
  }

  remove(): void {
    this.#file?.remove()
  }
}
