import { ScratchFile } from '@facekit/core'
import type { Neighbor } from './edge-selector.js'
import { ENTRY_BYTES, HELD_ENTRY_BYTES, NeighborEntries } from './neighbor-entries.js'

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

/** Entries of a group, 768 KiB, from which on it is worth while to drop what no list can hold. */
const MIN_PRUNED = 2 ** 16

interface Group {
  entries: NeighborEntries
  pruneAt: number
  /** Parts of the spill file. */
  spilled: { offset: number; count: number }[]
}

/**
 * The neighbors of rows whose search is not finished, by groups of rows. Of each row at least the `listLength` most
 * similar are kept.
 */
export class NeighborLists {
  readonly #options: NeighborListsOptions
  readonly #groups: Group[]
  /** In memory. */
  #entries = 0
  #spill: ScratchFile | undefined

  constructor(options: NeighborListsOptions) {
    const { rows, groupRows } = options
    this.#options = options
    this.#groups = Array.from({ length: Math.ceil(rows / groupRows) }, (_, i) => ({
      entries: new NeighborEntries(i * groupRows, groupRows),
      pruneAt: MIN_PRUNED,
      spilled: [],
    }))
  }

  add(owner: number, neighbor: number, similarity: number): void {
    // Ties with the last neighbor count: the smaller row wins.
    if (similarity < this.#options.cutoffs[owner]!) return
    const group = this.#groups[Math.floor(owner / this.#options.groupRows)]!
    group.entries.add(owner, neighbor, similarity)
    this.#entries++
    if (group.entries.count >= group.pruneAt) this.#prune(group)
    if (this.#entries * HELD_ENTRY_BYTES > this.#options.memoryBytes) this.#spillLargest()
  }

  /** The neighbors of the rows of a group, rows ascending; rows without any are left out. They are gone afterwards. */
  *take(group: number): Generator<[row: number, neighbors: Neighbor[]]> {
    const { entries, spilled } = this.#groups[group]!
    this.#entries -= entries.count
    for (const { offset, count } of spilled) {
      const bytes = new Uint8Array(count * ENTRY_BYTES)
      this.#spill!.read(offset, bytes)
      entries.addBytes(bytes)
    }
    yield* entries.byOwner()
    entries.clear()
  }

  close(): void {
    this.#spill?.remove()
  }

  #prune(group: Group): void {
    const { listLength, cutoffs } = this.#options
    this.#entries -= group.entries.prune(listLength, cutoffs)
    group.pruneAt = Math.max(MIN_PRUNED, 2 * group.entries.count)
  }

  #spillLargest(): void {
    const { memoryBytes, spillFile } = this.#options
    this.#spill ??= new ScratchFile(spillFile)
    const largestFirst = this.#groups.toSorted((a, b) => b.entries.count - a.entries.count)
    for (const group of largestFirst) {
      if (this.#entries * HELD_ENTRY_BYTES <= memoryBytes / 2) break
      this.#prune(group)
      const { entries } = group
      group.spilled.push({ offset: this.#spill.append(entries.toBytes()), count: entries.count })
      this.#entries -= entries.count
      entries.clear()
    }
  }
}
