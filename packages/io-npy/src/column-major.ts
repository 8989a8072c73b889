import type { FileHandle } from 'node:fs/promises'
import type { Dtype } from './dtype.js'
import { readFully } from './file-io.js'
import { toFloat32 } from './numbers.js'

/**
 * Rows that are brought into row order at a time: 16,384 of 512 numbers. Their numbers lie in as many places as there
 * are columns, so that reads are short where blocks are small.
 */
const BLOCK_BYTES = 32 * 1024 * 1024
/** Columns read at once: as many numbers as a line of the cache has, which are then written side by side. */
const COLUMNS_AT_ONCE = 16

export interface ColumnMajorArray {
  handle: FileHandle
  file: string
  /** Numeric. */
  dtype: Dtype
  dataOffset: number
  rows: number
  /** Columns. */
  rowLength: number
}

interface Block {
  /** First row. */
  start: number
  /** Row after the last. */
  end: number
  /** (end - start) × rowLength float32, row-major. */
  values: Float32Array
}

/** Rows of an array whose columns stand one after the other (`fortran_order`). For reading on and on, from the start. */
export class ColumnMajorRows {
  readonly #array: ColumnMajorArray
  readonly #blockRows: number
  /** The block that was read last. */
  #block: Block | undefined

  constructor(array: ColumnMajorArray) {
    this.#array = array
    const rowBytes = array.rowLength * Math.max(array.dtype.itemBytes, Float32Array.BYTES_PER_ELEMENT)
    this.#blockRows = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes))
  }

  /** @param into (end - start) × rowLength float32, row-major */
  async read(start: number, end: number, into: Float32Array): Promise<void> {
    const { rowLength } = this.#array
    for (let row = start; row < end;) {
      const block = await this.#blockWith(row)
      const to = Math.min(end, block.end)
      const rows = block.values.subarray((row - block.start) * rowLength, (to - block.start) * rowLength)
      into.set(rows, (row - start) * rowLength)
      row = to
    }
  }

  async #blockWith(row: number): Promise<Block> {
    const last = this.#block
    if (last && last.start <= row && row < last.end) return last
    // Not two blocks at a time.
    this.#block = undefined
    return (this.#block = await this.#readBlock(row))
  }

  async #readBlock(start: number): Promise<Block> {
    const { handle, file, dtype, dataOffset, rows, rowLength } = this.#array
    const { itemBytes } = dtype
    const count = Math.min(this.#blockRows, rows - start)
    const values = new Float32Array(count * rowLength)
    const atOnce = Math.min(COLUMNS_AT_ONCE, rowLength)
    const bytes = new Uint8Array(atOnce * count * itemBytes)
    const columns = new Float32Array(atOnce * count)
    for (let first = 0; first < rowLength; first += atOnce) {
      const width = Math.min(atOnce, rowLength - first)
      await Promise.all(
        Array.from({ length: width }, (_, i) => {
          const column = bytes.subarray(i * count * itemBytes, (i + 1) * count * itemBytes)
          return readFully(handle, column, dataOffset + ((first + i) * rows + start) * itemBytes, file)
        }),
      )
      const numbers = columns.subarray(0, width * count)
      toFloat32(bytes.subarray(0, numbers.length * itemBytes), dtype, numbers)
      for (let row = 0; row < count; row++) {
        for (let i = 0; i < width; i++) values[row * rowLength + first + i] = numbers[i * count + row]!
      }
    }
    return { start, end: start + count, values }
  }
}
