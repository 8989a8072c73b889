import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { readWhole } from './float-rows.js'
import { bestFirst, type Neighbor } from './edge-selector.js'

export interface NeighborListsOptions {
  rows: number
  /** Rows that are taken together. */
  groupRows: number
  /** Neighbors of a row that count. */
  listLength: number
  /** rows × float32: kept up to date with the similarity of the last neighbor of lists that are full. */
  cutoffs: Float32Array
  /** What the lists may take; beyond it they go into a file. */
  memoryBytes: number
  /** Path of that file. */
  spillFile: string
}

/** An owner, a neighbor and their similarity. */
const ENTRY_BYTES = 12

/** Entries of a group from which on it is worth while to drop what no list can hold. */
const MIN_PRUNED = 4096

/**
 * The neighbors of rows whose search is not finished, by groups of rows. Of each row at least the `listLength` most
 * similar are kept.
 */
export class NeighborLists {
  readonly #options: NeighborListsOptions
  readonly #groups: Entries[]
  #entries = 0
  #spill: number | undefined
  #spilledBytes = 0

  constructor(options: NeighborListsOptions) {
    const { rows, groupRows } = options
    this.#options = options
    this.#groups = Array.from({ length: Math.ceil(rows / groupRows) }, () => new Entries())
  }

  add(owner: number, neighbor: number, similarity: number): void {
    // Ties with the last neighbor count: the smaller row wins.
    if (similarity < this.#options.cutoffs[owner]!) return
    const group = this.#groups[Math.floor(owner / this.#options.groupRows)]!
    group.add(owner, neighbor, similarity)
    this.#entries++
    if (group.count >= group.pruneAt) this.#prune(group)
    if (this.#entries * ENTRY_BYTES > this.#options.memoryBytes) this.#spillLargest()
  }

  /** The lists of a group, owners ascending. They are gone afterwards. */
  take(group: number): [owner: number, neighbors: Neighbor[]][] {
    const entries = this.#groups[group]!
    this.#groups[group] = new Entries()
    this.#entries -= entries.count
    for (const { offset, count } of entries.spilled) this.#readBack(entries, offset, count)
    return [...entries.byOwner()].sort(([a], [b]) => a - b)
  }

  close(): void {
    if (this.#spill === undefined) return
    closeSync(this.#spill)
    rmSync(this.#options.spillFile, { force: true })
  }

  #prune(group: Entries): void {
    const { listLength, cutoffs } = this.#options
    const before = group.count
    const lists = group.byOwner()
    group.clear()
    for (const [owner, neighbors] of lists) {
      let kept = neighbors
      if (neighbors.length >= listLength) {
        kept = neighbors.sort(bestFirst).slice(0, listLength)
        cutoffs[owner] = Math.max(cutoffs[owner]!, kept.at(-1)!.similarity)
      }
      for (const { row, similarity } of kept) group.add(owner, row, similarity)
    }
    group.pruneAt = Math.max(MIN_PRUNED, 2 * group.count)
    this.#entries -= before - group.count
  }

  #spillLargest(): void {
    const { memoryBytes, spillFile } = this.#options
    this.#spill ??= openSync(spillFile, 'w+')
    const largestFirst = this.#groups.toSorted((a, b) => b.count - a.count)
    for (const group of largestFirst) {
      if (this.#entries * ENTRY_BYTES <= memoryBytes / 2) break
      this.#prune(group)
      const bytes = group.toBytes()
      for (let at = 0; at < bytes.length;)
        at += writeSync(this.#spill, bytes, at, bytes.length - at, this.#spilledBytes + at)
      group.spilled.push({ offset: this.#spilledBytes, count: group.count })
      this.#spilledBytes += bytes.length
      this.#entries -= group.count
      group.clear()
    }
  }

  #readBack(entries: Entries, offset: number, count: number): void {
    const bytes = new Uint8Array(count * ENTRY_BYTES)
    readWhole(this.#spill!, bytes, offset, this.#options.spillFile)
    entries.addBytes(bytes, count)
  }
}

/** The entries of a group, in the order in which they came. */
class Entries {
  pruneAt = MIN_PRUNED
  readonly spilled: { offset: number; count: number }[] = []
  #owners = new Uint32Array(64)
  #neighbors = new Uint32Array(64)
  #similarities = new Float32Array(64)
  #count = 0

  get count(): number {
    return this.#count
  }

  add(owner: number, neighbor: number, similarity: number): void {
    if (this.#count === this.#owners.length) this.#grow(2 * this.#count)
    this.#owners[this.#count] = owner
    this.#neighbors[this.#count] = neighbor
    this.#similarities[this.#count] = similarity
    this.#count++
  }

  byOwner(): Map<number, Neighbor[]> {
    const lists = new Map<number, Neighbor[]>()
    for (let i = 0; i < this.#count; i++) {
      const neighbor = { row: this.#neighbors[i]!, similarity: this.#similarities[i]! }
      const list = lists.get(this.#owners[i]!)
      if (list) list.push(neighbor)
      else lists.set(this.#owners[i]!, [neighbor])
    }
    return lists
  }

  clear(): void {
    this.#count = 0
    this.#grow(64)
  }

  toBytes(): Uint8Array {
    const columns = [this.#owners, this.#neighbors, this.#similarities].map((column) => {
      const used = column.subarray(0, this.#count)
      return new Uint8Array(used.buffer, used.byteOffset, used.byteLength)
    })
    return Buffer.concat(columns)
  }

  addBytes(bytes: Uint8Array, count: number): void {
    const { buffer } = bytes
    const owners = new Uint32Array(buffer, 0, count)
    const neighbors = new Uint32Array(buffer, 4 * count, count)
    const similarities = new Float32Array(buffer, 8 * count, count)
    for (let i = 0; i < count; i++) this.add(owners[i]!, neighbors[i]!, similarities[i]!)
  }

  #grow(length: number): void {
    const resize = <T extends Uint32Array | Float32Array>(column: T, grown: T): T => {
      grown.set(column.subarray(0, this.#count))
      return grown
    }
    this.#owners = resize(this.#owners, new Uint32Array(length))
    this.#neighbors = resize(this.#neighbors, new Uint32Array(length))
    this.#similarities = resize(this.#similarities, new Float32Array(length))
  }
}
