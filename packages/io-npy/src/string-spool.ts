import type { FileHandle } from 'node:fs/promises'
import { ByteReader } from '@facekit/core'
import { ByteSink } from './byte-sink.js'
import { NpyError } from './errors.js'
import { CHUNK_BYTES, openForWriting, readFully } from './file-io.js'
import { NpyWriter } from './npy-writer.js'
import { codePointLength, encodeUnicode } from './text.js'

/**
 * Strings that wait in a scratch file until the longest of them, and with it the width of NumPy's unicode rows, is
 * known. Memory stays at a buffer, however many they are.
 */
export class StringSpool {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #sink: ByteSink
  #longest = 0

  private constructor(file: string, handle: FileHandle) {
    this.#file = file
    this.#handle = handle
    this.#sink = new ByteSink(handle, file)
  }

  /** @param file a scratch file; whoever names it removes it */
  static async create(file: string): Promise<StringSpool> {
    return new StringSpool(file, await openForWriting(file))
  }

  async append(strings: Iterable<string>): Promise<void> {
    for (const text of strings) {
      this.#longest = Math.max(this.#longest, codePointLength(text))
      // UTF-16 is what strings are: nothing is converted, and nothing lost.
      const bytes = 2 * text.length
      if (!this.#sink.has(4 + bytes)) await this.#sink.reserve(4 + bytes)
      this.#sink.uint32(bytes)
      this.#sink.text(text, 'utf16le')
    }
  }

  /** Writes all strings as a one-dimensional unicode array. */
  async writeNpy(file: string): Promise<void> {
    await this.#sink.flush()
    // NumPy has no strings of width 0.
    const width = Math.max(1, this.#longest)
    const writer = await NpyWriter.create(file, { descr: `<U${width}` })
    try {
      const perChunk = Math.max(1, Math.floor(CHUNK_BYTES / (4 * width)))
      for await (const strings of this.#chunks(perChunk)) await writer.append(encodeUnicode(strings, width))
      await writer.finish()
    } finally {
      await writer.close()
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async *#chunks(perChunk: number): AsyncGenerator<string[]> {
    const end = this.#sink.position
    const read = (into: Uint8Array, position: number) => readFully(this.#handle, into, position, this.#file)
    const source = new ByteReader(
      { start: 0, end, read },
      () => new NpyError('NPY_TRUNCATED', this.#file, `ended at byte ${end} in the middle of a string`),
    )
    let strings: string[] = []
    while (source.remaining > 0) {
      if (!source.has(4)) await source.prefetch(4)
      const bytes = source.uint32()
      if (!source.has(bytes)) await source.prefetch(bytes)
      strings.push(source.bytes(bytes).toString('utf16le'))
      if (strings.length === perChunk || source.remaining === 0) {
        yield strings
        strings = []
      }
    }
  }
}
