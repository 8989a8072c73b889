import { closeSync, openSync } from 'node:fs'
import { readWhole, type RowFile } from '@facekit/core'
import type { GalleryData } from './gallery.js'

/** Rows that are kept after they were read from a file: some tiles of them, so that rows of one tile are read once. */
const CACHE_BYTES = 2 ** 22

/** The embeddings of a gallery, read by position, blocking: for threads that search. */
export class FloatRows {
  readonly #gallery: GalleryData
  /** Rows that were read, in slots that are filled in turn. */
  #cache = new Float32Array(0)
  #rowIn = new Int32Array(0)
  readonly #slotOf = new Map<number, number>()
  #nextSlot = 0
  #givenSlot = -1
  readonly #descriptors = new Map<string, number>()

  constructor(gallery: GalleryData) {
    this.#gallery = gallery
  }

  /** One embedding, not to be changed, and good until the call after the next. */
  get(row: number): Float32Array {
    const { floats, dim } = this.#gallery
    if (floats.kind === 'memory') return floats.values.subarray(row * dim, (row + 1) * dim)
    const slot = this.#slotOf.get(row) ?? this.#fill(floats.files, row)
    this.#givenSlot = slot
    return this.#cache.subarray(slot * dim, (slot + 1) * dim)
  }

  /**
   * Rows divided by their lengths; zero rows and unusable rows are zero.
   *
   * @param into (end − start) × dim float32, row-major
   */
  readUnits(start: number, end: number, into: Float32Array): void {
    const { floats, dim } = this.#gallery
    if (floats.kind === 'memory') into.set(floats.values.subarray(start * dim, end * dim))
    else this.#read(floats.files, start, end, into)
    this.#divide(into, 0, start, end, into, dim)
  }

  /**
   * The first components of rows divided by their lengths.
   *
   * @param into (end − start) × count float32, row-major
   * @param all room for whole rows, where they come from a file
   */
  readFirstOfUnits(start: number, end: number, count: number, into: Float32Array, all: Float32Array): void {
    const { floats, dim } = this.#gallery
    if (floats.kind === 'memory') return this.#divide(floats.values, start * dim, start, end, into, count)
    this.#read(floats.files, start, end, all)
    this.#divide(all, 0, start, end, into, count)
  }

  /** @param at where the rows stand in `from` */
  #divide(
    from: Float32Array,
    at: number,
    start: number,
    end: number,
    into: Float32Array,
    count: number,
  ): void {
    const { dim, lengths } = this.#gallery
    for (let row = start, to = 0; row < end; row++, at += dim, to += count) {
      const length = lengths[row]!
      if (length === 0) into.fill(0, to, to + count)
      else for (let i = 0; i < count; i++) into[to + i] = from[at + i]! / length
    }
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor)
    this.#descriptors.clear()
  }

  #fill(files: readonly RowFile[], row: number): number {
    const { dim, rows } = this.#gallery
    // Not before: many read only whole runs of rows.
    if (this.#rowIn.length === 0) {
      this.#rowIn = new Int32Array(Math.min(rows, Math.max(3, Math.floor(CACHE_BYTES / (4 * dim))))).fill(-1)
      this.#cache = new Float32Array(this.#rowIn.length * dim)
    }
    const slots = this.#rowIn.length
    // The row that was given last is still in use.
    if (this.#nextSlot === this.#givenSlot) this.#nextSlot = (this.#nextSlot + 1) % slots
    const slot = this.#nextSlot
    this.#nextSlot = (slot + 1) % slots
    this.#slotOf.delete(this.#rowIn[slot]!)
    this.#read(files, row, row + 1, this.#cache.subarray(slot * dim, (slot + 1) * dim))
    this.#rowIn[slot] = row
    this.#slotOf.set(row, slot)
    return slot
  }

  #read(files: readonly RowFile[], start: number, end: number, into: Float32Array): void {
    const rowBytes = 4 * this.#gallery.dim
    let first = 0
    for (const file of files) {
      const from = Math.max(start, first)
      const to = Math.min(end, first + file.rows)
      if (from < to) {
        const bytes = new Uint8Array(
          into.buffer,
          into.byteOffset + (from - start) * rowBytes,
          (to - from) * rowBytes,
        )
        this.#readBytes(file.path, bytes, file.offset + (from - first) * rowBytes)
      }
      first += file.rows
      if (first >= end) break
    }
  }

  #readBytes(path: string, bytes: Uint8Array, position: number): void {
    let descriptor = this.#descriptors.get(path)
    if (descriptor === undefined) {
      descriptor = openSync(path, 'r')
      this.#descriptors.set(path, descriptor)
    }
    readWhole(descriptor, position, bytes, path)
  }
}
