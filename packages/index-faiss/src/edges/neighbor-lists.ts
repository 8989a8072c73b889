import { ScratchFile } from '@facekit/core'
import type { Neighbor } from './edge-selector.js'
import { ENTRY_BYTES, HELD_ENTRY_BYTES, NeighborEntries, PIECE_ENTRIES } from './neighbor-entries.js'

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

/** Owners that are read back together, at least: all of a group is read for each such part. */
const LEAST_PART_ROWS = 64

interface Group {
  entries: NeighborEntries
  pruneAt: number
  /** Pieces in the spill file. */
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
    const all = this.#groups[group]!
    if (all.spilled.length > 0) return yield* this.#takeSpilled(group, all)
    this.#entries -= all.entries.count
    yield* all.entries.byOwner()
    all.entries.clear()
  }

  /** Some owners after the other, as many as there is memory for. */
  *#takeSpilled(group: number, all: Group): Generator<[row: number, neighbors: Neighbor[]]> {
    const { rows, groupRows, memoryBytes } = this.#options
    this.#spillGroup(all)
    const count = all.spilled.reduce((sum, piece) => sum + piece.count, 0)
    const parts = Math.ceil((count * HELD_ENTRY_BYTES) / Math.max(1, memoryBytes))
    const partRows = Math.max(LEAST_PART_ROWS, Math.ceil(groupRows / parts))
    const start = group * groupRows
    const end = Math.min(rows, start + groupRows)
    const buffer = new ArrayBuffer(PIECE_ENTRIES * ENTRY_BYTES)
    for (let first = start; first < end; first += partRows) {
      const part = new NeighborEntries(first, Math.min(partRows, end - first))
      for (const piece of all.spilled) {
        const bytes = new Uint8Array(buffer, 0, piece.count * ENTRY_BYTES)
        this.#spill!.read(piece.offset, bytes)
        part.addPiece(bytes)
      }
      yield* part.byOwner()
    }
    all.spilled.length = 0
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
    const { memoryBytes } = this.#options
    const largestFirst = this.#groups.toSorted((a, b) => b.entries.count - a.entries.count)
    for (const group of largestFirst) {
      if (this.#entries * HELD_ENTRY_BYTES <= memoryBytes / 2) break
      this.#prune(group)
      this.#spillGroup(group)
    }
  }

  #spillGroup({ entries, spilled }: Group): void {
    this.#spill ??= new ScratchFile(this.#options.spillFile)
    for (const piece of entries.toPieces())
      spilled.push({ offset: this.#spill.append(piece), count: piece.length / ENTRY_BYTES })
    this.#entries -= entries.count
    entries.clear()
  }
}
