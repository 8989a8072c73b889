import { closeSync, openSync } from 'node:fs'
import { readWhole } from './float-rows.js'
import type { GalleryData } from './gallery.js'

/** The codes of a gallery by tiles, read as they are needed: for threads that search. */
export class CodeTiles {
  readonly #gallery: GalleryData
  readonly #tileRows: number
  readonly #file: number | undefined

  constructor(gallery: GalleryData, tileRows: number) {
    this.#gallery = gallery
    this.#tileRows = tileRows
    this.#file = gallery.codes.kind === 'file' ? openSync(gallery.codes.path, 'r') : undefined
  }

  /** @param into tileRows × dim int8, row-major; rows beyond the last become zero */
  read(tile: number, into: Int8Array): void {
    const { rows, dim, codes } = this.#gallery
    const start = tile * this.#tileRows * dim
    const length = Math.min(rows * dim - start, into.length)
    if (codes.kind === 'memory') into.set(codes.codes.subarray(start, start + length))
    else readWhole(this.#file!, new Uint8Array(into.buffer, into.byteOffset, length), start, codes.path)
    into.fill(0, length)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }
}

/** Rows and columns change places, block by block, so that both sides stay in the cache. */
export function transpose(from: Int8Array, rows: number, columns: number, into: Int8Array): void {
  const block = 64
  for (let rowStart = 0; rowStart < rows; rowStart += block) {
    const rowEnd = Math.min(rows, rowStart + block)
    for (let column = 0; column < columns; column++) {
      let at = rowStart * columns + column
      for (let row = rowStart; row < rowEnd; row++, at += columns) into[column * rows + row] = from[at]!
    }
  }
}
