import { ByteReader, isFileMark, MarkedFile, type FileMark } from '@facekit/core'
import { ByteSink } from './byte-sink.js'
import { NpyError } from './errors.js'
import { CHUNK_BYTES, openForWriting, readFully } from './file-io.js'
import { NpyWriter } from './npy-writer.js'
import { codePointLength, encodeUnicode } from './text.js'

/** How far a spool was filled. */
export interface SpoolMark extends FileMark {
  /** Code points of the longest string. */
  longest: number
}

export function isSpoolMark(value: unknown): value is SpoolMark {
  return isFileMark(value) && 'longest' in value && Number.isSafeInteger(value.longest)
}

/**
 * Strings that wait in a scratch file until the longest of them, and with it the width of NumPy's unicode rows, is
 * known. Memory stays at a buffer, however many they are.
 */
export class StringSpool {
  readonly #file: MarkedFile
  readonly #sink: ByteSink
  #longest: number

  private constructor(file: MarkedFile, longest: number) {
    this.#file = file
    this.#sink = new ByteSink(file)
    this.#longest = longest
  }

  /** @param file a scratch file; whoever names it removes it */
  static async create(file: string): Promise<StringSpool> {
    return new StringSpool(await openForWriting(file), 0)
  }

  /** @throws FacekitError `RUN_DAMAGED` if the file does not hold what was marked */
  static async reopen(file: string, mark: SpoolMark): Promise<StringSpool> {
    return new StringSpool(await MarkedFile.reopen(file, mark), mark.longest)
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

  /** Where `reopen` goes on. All strings are on the disk then. */
  async mark(): Promise<SpoolMark> {
    await this.#sink.flush()
    return { ...(await this.#file.mark()), longest: this.#longest }
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
    await this.#file.close()
  }

  async *#chunks(perChunk: number): AsyncGenerator<string[]> {
    const { bytes: end, handle, path } = this.#file
    const read = (into: Uint8Array, position: number) => readFully(handle, into, position, path)
    const source = new ByteReader(
      { start: 0, end, read },
      () => new NpyError('NPY_TRUNCATED', path, `ended at byte ${end} in the middle of a string`),
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
