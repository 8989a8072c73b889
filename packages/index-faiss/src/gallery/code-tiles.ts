import { closeSync, openSync } from 'node:fs'
import { readWhole } from '@facekit/core'
import type { CodedGallery } from './coded-gallery.js'

/** The codes of a gallery by tiles, read as they are needed: for threads that search. */
export class CodeTiles {
  readonly #gallery: CodedGallery
  readonly #tileRows: number
  readonly #file: number | undefined

  constructor(gallery: CodedGallery, tileRows: number) {
    this.#gallery = gallery
    this.#tileRows = tileRows
    this.#file = gallery.store.kind === 'file' ? openSync(gallery.store.path, 'r') : undefined
  }

  /** @param into tileRows × codeLength int8, row-major; rows beyond the last become zero */
  read(tile: number, into: Int8Array): void {
    const { rows, coding, store } = this.#gallery
    const start = tile * this.#tileRows * coding.codeLength
    const length = Math.min(rows * coding.codeLength - start, into.length)
    if (store.kind === 'memory') into.set(store.codes.subarray(start, start + length))
    else readWhole(this.#file!, start, into.subarray(0, length), store.path)
    into.fill(0, length)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }
}

/**
 * Rows and columns change places, block by block, so that both sides stay in the cache.
 *
 * @param from rows × columns int8, row-major, at the start of its buffer; rows is a multiple of 4
 * @param into columns × rows int8, row-major, at the start of its buffer
 */
export function transpose(from: Int8Array, rows: number, columns: number, into: Int8Array): void {
  if (columns % 4 === 0) return transposeWords(from, rows / 4, columns / 4, into)
  const block = 64
  for (let rowStart = 0; rowStart < rows; rowStart += block) {
    const rowEnd = Math.min(rows, rowStart + block)
    for (let column = 0; column < columns; column++) {
      let at = rowStart * columns + column
      for (let row = rowStart; row < rowEnd; row++, at += columns) into[column * rows + row] = from[at]!
    }
  }
}

/** Squares of 4 × 4 bytes at a time, four times as fast: a word holds 4 columns of `from`, or 4 rows in `into`. */
function transposeWords(from: Int8Array, rowWords: number, columnWords: number, into: Int8Array): void {
  const source = new Int32Array(from.buffer)
  const target = new Int32Array(into.buffer)
  const block = 16
  const evenBytes = 0x00ff00ff
  for (let start = 0; start < rowWords; start += block) {
    const end = Math.min(rowWords, start + block)
    for (let column = 0; column < columnWords; column++) {
      for (let row = start; row < end; row++) {
        const at = 4 * row * columnWords + column
        const a = source[at]!
        const b = source[at + columnWords]!
        const c = source[at + 2 * columnWords]!
        const d = source[at + 3 * columnWords]!
        // Columns 0 and 2, then 1 and 3, of two rows.
        const abEven = (a & evenBytes) | ((b & evenBytes) << 8)
        const abOdd = ((a >>> 8) & evenBytes) | (b & ~evenBytes)
        const cdEven = (c & evenBytes) | ((d & evenBytes) << 8)
        const cdOdd = ((c >>> 8) & evenBytes) | (d & ~evenBytes)
        const to = 4 * column * rowWords + row
        target[to] = (abEven & 0xffff) | (cdEven << 16)
        target[to + rowWords] = (abOdd & 0xffff) | (cdOdd << 16)
        target[to + 2 * rowWords] = (abEven >>> 16) | (cdEven & ~0xffff)
        target[to + 3 * rowWords] = (abOdd >>> 16) | (cdOdd & ~0xffff)
      }
    }
  }
}
