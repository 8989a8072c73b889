import { MarkedFile, runDamaged, type FileMark } from '@facekit/core'
import { parseDtype } from './dtype.js'
import { NpyError } from './errors.js'
import { appendTo, openForWriting, writeStart } from './file-io.js'
import { formatHeader } from './header.js'

/** What an array is made of. */
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
  readonly #layout: Layout
  readonly #target: MarkedFile

  private constructor(target: MarkedFile, layout: Layout) {
    this.file = target.path
    this.#layout = layout
    this.#target = target
  }

  /** Creates `file`, or empties it. */
  static async create(file: string, options: NpyWriterOptions): Promise<NpyWriter> {
    const layout = layoutOf(file, options)
    const writer = new NpyWriter(await openForWriting(file, layout.headerBytes), layout)
    try {
      await writer.#writeHeader(0)
    } catch (error) {
      await writer.close()
      throw error
    }
    return writer
  }

  /**
   * Goes on with a file where it was marked, also after it was finished.
   *
   * @throws FacekitError `RUN_DAMAGED` if it does not hold what was marked
   */
  static async reopen(file: string, options: NpyWriterOptions, mark: FileMark): Promise<NpyWriter> {
    const layout = layoutOf(file, options)
    if (mark.from !== layout.headerBytes || (mark.bytes - mark.from) % layout.rowBytes !== 0)
      throw runDamaged(file, 'what was recorded is no number of rows')
    return new NpyWriter(await MarkedFile.reopen(file, mark), layout)
  }

  get rows(): number {
    const { headerBytes, rowBytes } = this.#layout
    // Rows of dim 0 take no bytes; none is ever appended.
    return rowBytes === 0 ? 0 : (this.#target.bytes - headerBytes) / rowBytes
  }

  /**
   * Writes rows at the end.
   *
   * @param data whole rows, row-major, in the byte order of `descr`
   * @throws NpyError `NPY_BATCH` where it is no number of rows, `NPY_WRITE`
   */
  async append(data: ArrayBufferView): Promise<void> {
    const { descr, rowShape, rowBytes } = this.#layout
    if (data.byteLength === 0) return
    if (!Number.isSafeInteger(data.byteLength / rowBytes)) {
      throw new NpyError(
        'NPY_BATCH',
        this.file,
        `got ${data.byteLength} bytes, expected a multiple of ${rowBytes} (${descr} × ${rowShape.join(' × ') || 1})`,
      )
    }
    await appendTo(this.#target, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }

  /** Where `reopen` goes on. All rows are on the disk then. */
  async mark(): Promise<FileMark> {
    return this.#target.mark()
  }

  /** Completes the header and closes the file. */
  async finish(): Promise<void> {
    await this.#writeHeader(this.rows)
    await this.close()
  }

  /** Closes the file as it is. May be called again. */
  async close(): Promise<void> {
    await this.#target.close()
  }

  async #writeHeader(rows: number): Promise<void> {
    const { descr, rowShape, headerBytes } = this.#layout
    await writeStart(this.#target, formatHeader(descr, [rows, ...rowShape], headerBytes))
  }
}

interface Layout extends Required<NpyWriterOptions> {
  rowBytes: number
  headerBytes: number
}

function layoutOf(file: string, { descr, rowShape = [] }: NpyWriterOptions): Layout {
  return {
    descr,
    rowShape,
    rowBytes: rowShape.reduce((bytes, length) => bytes * length, parseDtype(descr, file).itemBytes),
    headerBytes: formatHeader(descr, [Number.MAX_SAFE_INTEGER, ...rowShape]).length,
  }
}
