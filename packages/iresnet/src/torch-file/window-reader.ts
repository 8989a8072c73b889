import { RandomAccessReader } from 'yauzl'
import type { InputFile } from './input-file.js'

/** yauzl reads a directory in pieces of some dozen bytes: many of them per read. */
const WINDOW_BYTES = 64 * 1024

/** How yauzl reads our file. */
export class WindowReader extends RandomAccessReader {
  readonly #file: InputFile
  #window: Uint8Array = new Uint8Array(0)
  #start = 0

  constructor(file: InputFile) {
    super()
    this.#file = file
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#fill(buffer.subarray(offset, offset + length), position).then(
      () => callback(null),
      (error: Error) => callback(error),
    )
  }

  async #fill(into: Uint8Array, position: number): Promise<void> {
    if (into.length > WINDOW_BYTES) return this.#file.read(into, position)
    const end = position + into.length
    if (position < this.#start || end > this.#start + this.#window.length) {
      const length = Math.max(into.length, Math.min(WINDOW_BYTES, this.#file.size - position))
      const window = new Uint8Array(length)
      await this.#file.read(window, position)
      this.#window = window
      this.#start = position
    }
    into.set(this.#window.subarray(position - this.#start, end - this.#start))
  }
}
