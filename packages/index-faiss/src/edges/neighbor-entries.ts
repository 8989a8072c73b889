import type { Neighbor } from './edge-selector.js'
import { listOrder } from './list-order.js'

/** An owner, a neighbor and their similarity. */
export const ENTRY_BYTES = 12

/** In memory, where arrays double as they fill. */
export const HELD_ENTRY_BYTES = 2 * ENTRY_BYTES

/** Entries that go into a file, and come back, at a time: 768 KiB. */
export const PIECE_ENTRIES = 2 ** 16

const SMALLEST = 64

/** Neighbors of consecutive rows, in the order in which they came. */
export class NeighborEntries {
  readonly #firstOwner: number
  readonly #owners: number
  #owner = new Uint32Array(0)
  #neighbor = new Uint32Array(0)
  #similarity = new Float32Array(0)
  #count = 0

  /** @param owners rows from `firstOwner` on */
  constructor(firstOwner: number, owners: number) {
    this.#firstOwner = firstOwner
    this.#owners = owners
  }

  get count(): number {
    return this.#count
  }

  add(owner: number, neighbor: number, similarity: number): void {
    if (this.#count === this.#owner.length) this.#resize(Math.max(SMALLEST, 2 * this.#count))
    this.#owner[this.#count] = owner
    this.#neighbor[this.#count] = neighbor
    this.#similarity[this.#count] = similarity
    this.#count++
  }

  /**
   * Drops what is not among the `listLength` best of its owner.
   *
   * @param cutoffs by row: raised to the similarity of the last neighbor of each list that is full
   * @returns how many were dropped
   */
  prune(listLength: number, cutoffs: Float32Array): number {
    const before = this.#count
    const { order, starts } = this.#sortByOwner()
    const kept = new Uint8Array(before)
    for (let i = 0; i < this.#owners; i++) {
      const own = order.subarray(starts[i], starts[i + 1])
      if (own.length >= listLength) {
        own.sort((a, b) => this.#compare(a, b))
        const owner = this.#firstOwner + i
        cutoffs[owner] = Math.max(cutoffs[owner]!, this.#similarity[own[listLength - 1]!]!)
      }
      for (const at of own.subarray(0, listLength)) kept[at] = 1
    }
    let count = 0
    for (let at = 0; at < before; at++) {
      if (!kept[at]) continue
      this.#owner[count] = this.#owner[at]!
      this.#neighbor[count] = this.#neighbor[at]!
      this.#similarity[count] = this.#similarity[at]!
      count++
    }
    this.#count = count
    return before - count
  }

  /** Owners ascending; those without neighbors are left out. */
  *byOwner(): Generator<[owner: number, neighbors: Neighbor[]]> {
    const { order, starts } = this.#sortByOwner()
    for (let i = 0; i < this.#owners; i++) {
      const end = starts[i + 1]!
      const neighbors: Neighbor[] = []
      for (let k = starts[i]!; k < end; k++) {
        const at = order[k]!
        neighbors.push({ row: this.#neighbor[at]!, similarity: this.#similarity[at]! })
      }
      if (neighbors.length > 0) yield [this.#firstOwner + i, neighbors]
    }
  }

  clear(): void {
    this.#count = 0
    this.#resize(0)
  }

  /** All entries, `PIECE_ENTRIES` at a time. */
  *toPieces(): Generator<Uint8Array> {
    for (let start = 0; start < this.#count; start += PIECE_ENTRIES) {
      const end = Math.min(this.#count, start + PIECE_ENTRIES)
      const columns = [this.#owner, this.#neighbor, this.#similarity].map((column) => {
        const part = column.subarray(start, end)
        return new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
      })
      yield Buffer.concat(columns)
    }
  }

  /** Adds those of a piece, which is at the start of its buffer, whose owners are here. */
  addPiece(piece: Uint8Array): void {
    const count = piece.length / ENTRY_BYTES
    const { buffer } = piece
    const owners = new Uint32Array(buffer, 0, count)
    const neighbors = new Uint32Array(buffer, 4 * count, count)
    const similarities = new Float32Array(buffer, 8 * count, count)
    const end = this.#firstOwner + this.#owners
    for (let i = 0; i < count; i++) {
      const owner = owners[i]!
      if (owner >= this.#firstOwner && owner < end) this.add(owner, neighbors[i]!, similarities[i]!)
    }
  }

  #compare(a: number, b: number): number {
    return listOrder(this.#similarity[a]!, this.#neighbor[a]!, this.#similarity[b]!, this.#neighbor[b]!)
  }

  /** A counting sort: positions of entries by owner, and where those of each owner start. */
  #sortByOwner(): { order: Uint32Array; starts: Uint32Array } {
    const starts = new Uint32Array(this.#owners + 1)
    for (let at = 0; at < this.#count; at++) starts[this.#owner[at]! - this.#firstOwner + 1]!++
    for (let i = 0; i < this.#owners; i++) starts[i + 1]! += starts[i]!
    const next = starts.slice()
    const order = new Uint32Array(this.#count)
    for (let at = 0; at < this.#count; at++) order[next[this.#owner[at]! - this.#firstOwner]!++] = at
    return { order, starts }
  }

  #resize(length: number): void {
    const owner = new Uint32Array(length)
    const neighbor = new Uint32Array(length)
    const similarity = new Float32Array(length)
    owner.set(this.#owner.subarray(0, this.#count))
    neighbor.set(this.#neighbor.subarray(0, this.#count))
    similarity.set(this.#similarity.subarray(0, this.#count))
    this.#owner = owner
    this.#neighbor = neighbor
    this.#similarity = similarity
  }
}
