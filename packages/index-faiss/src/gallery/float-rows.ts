import { readWhole, type RowFile } from '@facekit/core'
import { lengthOf, similarity } from '../similarity.js'
import type { GalleryData } from './gallery.js'
import { OpenFiles } from './open-files.js'

/** Rows that are kept after they were read from a file: some tiles of them, so that those of one tile are read once. */
const CACHE_BYTES = 2 ** 22

/** The embeddings of a gallery, read by position, blocking: for threads that search. */
export class FloatRows {
  readonly #gallery: GalleryData
  /** Rows that were read, in slots that are filled in turn, and their lengths. */
  #cache = new Float32Array(0)
  #lengths = new Float64Array(0)
  #rowIn = new Int32Array(0)
  readonly #slotOf = new Map<number, number>()
  #nextSlot = 0
  readonly #files = new OpenFiles()

  constructor(gallery: GalleryData) {
    this.#gallery = gallery
  }

  /** Of two usable rows: the number that decides. */
  similarity(a: number, b: number): number {
    const { floats, dim } = this.#gallery
    if (floats.kind === 'memory') {
      const { values, lengths } = floats
      const rowOf = (row: number) => values.subarray(row * dim, (row + 1) * dim)
      return similarity(rowOf(a), rowOf(b), lengths[a]! * lengths[b]!)
    }
    const slotA = this.#slotOf.get(a) ?? this.#fill(floats.files, a, -1)
    const slotB = this.#slotOf.get(b) ?? this.#fill(floats.files, b, slotA)
    const rowIn = (slot: number) => this.#cache.subarray(slot * dim, (slot + 1) * dim)
    return similarity(rowIn(slotA), rowIn(slotB), this.#lengths[slotA]! * this.#lengths[slotB]!)
  }

  /**
   * Rows divided by their lengths; zero rows and unusable rows are zero.
   *
   * @param into (end − start) × dim float32, row-major
   * @returns their lengths, float64; 0 where they are unusable
   */
  readUnits(start: number, end: number, into: Float32Array): Float64Array {
    const { floats, dim } = this.#gallery
    if (floats.kind === 'memory') into.set(floats.values.subarray(start * dim, end * dim))
    else this.#read(floats.files, start, end, into)
    return this.#divide(into, 0, start, end, into, dim)
  }

  /**
   * The first components of rows divided by their lengths.
   *
   * @param into (end − start) × count float32, row-major
   * @param all room for whole rows, where they come from a file
   * @returns as above
   */
  readFirstOfUnits(
    start: number,
    end: number,
    count: number,
    into: Float32Array,
    all: Float32Array,
  ): Float64Array {
    const { floats, dim } = this.#gallery
    if (floats.kind === 'memory') return this.#divide(floats.values, start * dim, start, end, into, count)
    this.#read(floats.files, start, end, all)
    return this.#divide(all, 0, start, end, into, count)
  }

  /** @param at where the rows stand in `from` */
  #divide(
    from: Float32Array,
    at: number,
    start: number,
    end: number,
    into: Float32Array,
    count: number,
  ): Float64Array {
    const { dim, floats, unusable } = this.#gallery
    const lengths = new Float64Array(end - start)
    for (let row = start, to = 0; row < end; row++, at += dim, to += count) {
      let length = 0
      if (!unusable[row]) length = floats.kind === 'memory' ? floats.lengths[row]! : lengthOf(from, at, dim)
      lengths[row - start] = length
      if (length === 0) into.fill(0, to, to + count)
      else for (let i = 0; i < count; i++) into[to + i] = from[at + i]! / length
    }
    return lengths
  }

  close(): void {
    this.#files.close()
  }

  /** @param inUse a slot that must stay as it is */
  #fill(files: readonly RowFile[], row: number, inUse: number): number {
    const { dim, rows } = this.#gallery
    // Not before: most read only whole runs of rows.
    if (this.#rowIn.length === 0) {
      const slots = Math.min(rows, Math.max(2, Math.floor(CACHE_BYTES / (4 * dim))))
      this.#rowIn = new Int32Array(slots).fill(-1)
      this.#lengths = new Float64Array(slots)
      this.#cache = new Float32Array(slots * dim)
    }
    const slots = this.#rowIn.length
    if (this.#nextSlot === inUse) this.#nextSlot = (this.#nextSlot + 1) % slots
    const slot = this.#nextSlot
    this.#nextSlot = (slot + 1) % slots
    this.#slotOf.delete(this.#rowIn[slot]!)
    this.#read(files, row, row + 1, this.#cache.subarray(slot * dim, (slot + 1) * dim))
    this.#lengths[slot] = lengthOf(this.#cache, slot * dim, dim)
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
        readWhole(this.#files.open(file.path), file.offset + (from - first) * rowBytes, bytes, file.path)
      }
      first += file.rows
      if (first >= end) break
    }
  }
}
