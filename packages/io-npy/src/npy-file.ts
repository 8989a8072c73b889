import type { FileHandle } from 'node:fs/promises'
import { ColumnMajorRows } from './column-major.js'
import type { Dtype } from './dtype.js'
import { isInteger, isNumeric, parseDtype } from './dtype.js'
import { NpyError } from './errors.js'
import { CHUNK_BYTES, openForReading, readFully, type OpenFile } from './file-io.js'
import type { NpyHeader } from './header.js'
import { readHeader } from './header.js'
import { isNativeFloat32, toFloat32, toUint32 } from './numbers.js'
import { decodeBytes, decodeUnicode } from './text.js'

/**
 * Opens an NPY file, checks magic, version and header, and that the file is exactly as long as they say. Its rows
 * are read where they are wanted; `close` it in the end.
 *
 * @throws NpyError
 */
export async function openNpy(file: string): Promise<NpyFile> {
  const opened = await openForReading(file)
  const { handle, size } = opened
  try {
    return new NpyFile(file, opened, await readHeader(handle, size, file))
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** One array on disk. Rows are what the first axis counts; a scalar is one row. */
export class NpyFile {
  readonly file: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly rows: number
  /** Elements per row: the product of the other axes. */
  readonly rowLength: number
  /** Byte at which the data start. */
  readonly dataOffset: number
  /** Bytes of the whole file. */
  readonly size: number
  /** Another one is another file, or one that was written to. */
  readonly fingerprint: string
  readonly #handle: FileHandle
  /** undefined where the numbers of a row stand side by side. */
  readonly #columnMajor: ColumnMajorRows | undefined

  constructor(file: string, { handle, size, fingerprint }: OpenFile, header: NpyHeader) {
    this.file = file
    this.dtype = parseDtype(header.descr, file)
    this.shape = header.shape
    this.rows = header.shape[0] ?? 1
    this.rowLength = header.shape.slice(1).reduce((product, length) => product * length, 1)
    this.dataOffset = header.dataOffset
    this.size = size
    this.fingerprint = fingerprint
    this.#handle = handle
    this.#checkSize()
    this.#columnMajor = this.#ordersDiffer(header.fortranOrder) ? this.#columns() : undefined
  }

  /** Whether the columns, and not the rows, stand one after the other in the file. */
  get isColumnMajor(): boolean {
    return this.#columnMajor !== undefined
  }

  /**
   * @param start first row
   * @param end row after the last
   * @returns (end - start) × rowLength float32, row-major, whatever the numeric dtype
   */
  async readFloat32(start = 0, end = this.rows): Promise<Float32Array> {
    if (!isNumeric(this.dtype)) throw this.#wrongDtype('numbers')
    this.#checkRange(start, end)
    const values = new Float32Array(this.#allocate(4 * (end - start) * this.rowLength))
    if (this.#columnMajor) {
      await this.#columnMajor.read(start, end, values)
    } else if (isNativeFloat32(this.dtype)) {
      const bytes = new Uint8Array(values.buffer)
      await readFully(this.#handle, bytes, this.#positionOf(start * this.rowLength), this.file)
    } else {
      await this.#readChunks(start * this.rowLength, values.length, (bytes, from, to) =>
        toFloat32(bytes, this.dtype, values.subarray(from, to)),
      )
    }
    return values
  }

  /**
   * @param start first row
   * @param end row after the last
   * @returns (end - start) × rowLength uint32
   * @throws NpyError `NPY_VALUE` where a number is negative or above 2³² - 1
   */
  async readUint32(start = 0, end = this.rows): Promise<Uint32Array> {
    const values = new Uint32Array(this.#allocate(4 * this.#integersIn(start, end)))
    const first = start * this.rowLength
    await this.#readChunks(first, values.length, (bytes, from, to) => {
      const bad = toUint32(bytes, this.dtype, values.subarray(from, to))
      if (bad < 0) return
      throw new NpyError(
        'NPY_VALUE',
        this.file,
        `element ${first + from + bad} is negative or too large, expected an index from 0 to ${2 ** 32 - 1}`,
      )
    })
    return values
  }

  /**
   * @param start first row
   * @param end row after the last
   * @returns end - start strings
   */
  async readStrings(start = 0, end = this.rows): Promise<string[]> {
    const { kind, itemBytes, bigEndian } = this.dtype
    if (kind !== 'U' && kind !== 'S') throw this.#wrongDtype('strings')
    if (this.rowLength !== 1) {
      throw new NpyError('NPY_SHAPE', this.file, `has shape ${this.#shapeText}, expected one string per row`)
    }
    this.#checkRange(start, end)
    if (itemBytes === 0) return Array.from({ length: end - start }, () => '')
    const strings: string[] = []
    await this.#readChunks(start, end - start, (bytes, from, to) => {
      const onInvalid = (row: number, number: number): never => {
        throw new NpyError(
          'NPY_VALUE',
          this.file,
          `row ${start + from + row} contains ${number}, which is no character: the file is damaged`,
        )
      }
      const decoded =
        kind === 'U'
          ? decodeUnicode(bytes, to - from, bigEndian, onInvalid)
          : decodeBytes(bytes, to - from, (row, text) => {
              throw new NpyError(
                'NPY_VALUE',
                this.file,
                `row ${start + from + row} is "${text}" in bytes that are not UTF-8; fix, with the encoding that they are in: ` +
                  `np.save(file, np.char.decode(np.load(file), "latin-1"))`,
              )
            })
      for (const text of decoded) strings.push(text)
    })
    return strings
  }

  /** Closes the file: nothing can be read any more. May be called again. */
  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** The number of elements in rows, which must be integers, row-major. */
  #integersIn(start: number, end: number): number {
    if (!isInteger(this.dtype)) throw this.#wrongDtype('integers')
    this.#checkRange(start, end)
    if (this.isColumnMajor) throw this.#wrongOrder()
    return (end - start) * this.rowLength
  }

  /** Hands `count` elements from element `first` on to `convert`, a bounded part at a time. */
  async #readChunks(
    first: number,
    count: number,
    convert: (bytes: Uint8Array, from: number, to: number) => void,
  ): Promise<void> {
    const perChunk = Math.min(count, Math.max(1, Math.floor(CHUNK_BYTES / this.dtype.itemBytes)))
    const chunk = new Uint8Array(this.#allocate(perChunk * this.dtype.itemBytes))
    for (let from = 0; from < count; from += perChunk) {
      const to = Math.min(from + perChunk, count)
      const bytes = chunk.subarray(0, (to - from) * this.dtype.itemBytes)
      await readFully(this.#handle, bytes, this.#positionOf(first + from), this.file)
      convert(bytes, from, to)
    }
  }

  #positionOf(element: number): number {
    return this.dataOffset + element * this.dtype.itemBytes
  }

  /** Not zeroed, which would take as long as reading: all of it is read into, or never seen. */
  #allocate(bytes: number): ArrayBuffer {
    try {
      return Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer
    } catch (cause) {
      throw new NpyError(
        'NPY_SHAPE',
        this.file,
        `${bytes} bytes are too many for one read: read fewer rows`,
        { cause },
      )
    }
  }

  #checkRange(start: number, end: number): void {
    if (
      Number.isSafeInteger(start) &&
      Number.isSafeInteger(end) &&
      0 <= start &&
      start <= end &&
      end <= this.rows
    )
      return
    throw new NpyError(
      'NPY_SHAPE',
      this.file,
      `has ${this.rows} rows, but rows ${start} to ${end} were asked for`,
    )
  }

  /** With one axis longer than 1, or nothing at all, both orders are the same bytes; a pickle has none. */
  #ordersDiffer(fortranOrder: boolean): boolean {
    return fortranOrder && this.dtype.kind !== 'O' && this.#longAxes.length >= 2 && !this.shape.includes(0)
  }

  #columns(): ColumnMajorRows {
    const { file, dtype, dataOffset, rows, rowLength } = this
    // Of more axes, or of one row, the columns would not be in the order of a row.
    if (!isNumeric(dtype) || this.#longAxes.length > 2 || rows === 1) throw this.#wrongOrder()
    return new ColumnMajorRows({ handle: this.#handle, file, dtype, dataOffset, rows, rowLength })
  }

  get #longAxes(): number[] {
    return this.shape.filter((length) => length !== 1)
  }

  #wrongOrder(): NpyError {
    return new NpyError(
      'NPY_FORTRAN_ORDER',
      this.file,
      `has its columns, not its rows, one after the other (fortran_order: True); ` +
        `fix: np.save(file, np.ascontiguousarray(np.load(file)))`,
    )
  }

  #checkSize(): void {
    const elements = this.rows * this.rowLength
    const expected = this.dataOffset + elements * this.dtype.itemBytes
    if (![this.rowLength, elements, expected].every(Number.isSafeInteger)) {
      throw new NpyError('NPY_SHAPE', this.file, `claims the shape ${this.#shapeText}: the file is damaged`)
    }
    if (this.dtype.kind === 'O' || this.size === expected) return
    const got = `has ${this.size} bytes, expected ${expected} for ${this.dtype.descr} of shape ${this.#shapeText}`
    throw this.size < expected
      ? new NpyError('NPY_TRUNCATED', this.file, `${got}: was it cut short?`)
      : new NpyError('NPY_SURPLUS', this.file, `${got}: it was appended to, or its header is damaged`)
  }

  #wrongDtype(expected: string): NpyError {
    const fix =
      this.dtype.kind === 'O'
        ? `; object arrays hold Python objects: save it with a plain dtype, such as .astype(${expected === 'strings' ? 'str' : 'np.float32'})`
        : ''
    return new NpyError('NPY_DTYPE', this.file, `has dtype ${this.dtype.descr}, expected ${expected}${fix}`)
  }

  get #shapeText(): string {
    return `(${this.shape.join(', ')})`
  }
}
