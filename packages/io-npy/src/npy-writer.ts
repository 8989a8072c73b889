import type { FileHandle } from 'node:fs/promises'
import { parseDtype } from './dtype.js'
import { NpyError } from './errors.js'
import { openForWriting, writeFully } from './file-io.js'
import { formatHeader } from './header.js'

export interface NpyWriterOptions {
  /** As NumPy spells it: `<f4`, `<i8`, `<U32`. */
  descr: string
  /** Lengths of the axes after the first; `[]`, the default, for a one-dimensional array. */
  rowShape?: readonly number[]
}

/**
 * Writes an NPY file row by row, for when their count is known only in the end. The header is written with room for
 * any count and completed by `finish`; until then the file says that it has no rows, and `openNpy` refuses it.
 */
export class NpyWriter {
  readonly file: string
  readonly #descr: string
  readonly #rowShape: readonly number[]
  readonly #rowBytes: number
  readonly #handle: FileHandle
  readonly #headerBytes: number
  #rows = 0

  private constructor(file: string, handle: FileHandle, descr: string, rowShape: readonly number[]) {
    this.file = file
    this.#handle = handle
    this.#descr = descr
    this.#rowShape = rowShape
    this.#rowBytes = rowShape.reduce((bytes, length) => bytes * length, parseDtype(descr, file).itemBytes)
    this.#headerBytes = formatHeader(descr, [Number.MAX_SAFE_INTEGER, ...rowShape]).length
  }

  /** Creates `file`, or empties it. */
  static async create(file: string, { descr, rowShape = [] }: NpyWriterOptions): Promise<NpyWriter> {
    const writer = new NpyWriter(file, await openForWriting(file), descr, rowShape)
    try {
      await writer.#writeHeader()
    } catch (error) {
      await writer.close()
      throw error
    }
    return writer
  }

  get rows(): number {
    return this.#rows
  }

  /** @param data whole rows, row-major, in the byte order of `descr` */
  async append(data: ArrayBufferView): Promise<void> {
    if (data.byteLength === 0) return
    const rows = data.byteLength / this.#rowBytes
    if (!Number.isSafeInteger(rows)) {
      throw new NpyError(
        'NPY_BATCH',
        this.file,
        `got ${data.byteLength} bytes, expected a multiple of ${this.#rowBytes} (${this.#descr} × ${this.#rowShape.join(' × ') || 1})`,
      )
    }
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    await writeFully(this.#handle, bytes, this.#headerBytes + this.#rows * this.#rowBytes, this.file)
    this.#rows += rows
  }

  /** Completes the header and closes the file. */
  async finish(): Promise<void> {
    await this.#writeHeader()
    await this.close()
  }

  /** Closes the file as it is. May be called again. */
  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #writeHeader(): Promise<void> {
    const header = formatHeader(this.#descr, [this.#rows, ...this.#rowShape], this.#headerBytes)
    await writeFully(this.#handle, header, 0, this.file)
  }
}
