import { listOrder } from './list-order.js'
import type { SortedPairs } from './blocks.js'

export interface ListEndsOptions {
  rows: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
  /** rows × uint32, to count with. What it holds of a row is of no use any more once its end is told. */
  counts: Uint32Array
  /** What the lists may take at once: where all do not fit, pairs are read several times. */
  memoryBytes: number
}

/** A similarity and a row; of each row, where its list starts and how many it holds so far. */
const ENTRY_BYTES = 8
const ROW_BYTES = 8

/**
 * Finds where the lists of crowded rows end: those that have `listLength` neighbors or more among the pairs. The pairs are
 * read once to count, and then once for as many rows as there is memory for.
 *
 * @param onEnd told each crowded row, ascending, with the last neighbor in its list and that one's similarity
 */
export async function findListEnds(
  pairs: SortedPairs,
  { rows, listLength, counts, memoryBytes }: ListEndsOptions,
  onEnd: (row: number, similarity: number, neighbor: number) => void,
): Promise<void> {
  counts.fill(0)
  for await (const { source, target } of pairs()) {
    for (let i = 0; i < source.length; i++) {
      counts[source[i]!]!++
      counts[target[i]!]!++
    }
  }
  for (let first = nextCrowded(counts, 0, listLength); first < rows;) {
    const end = endOfPart(counts, first, listLength, memoryBytes)
    const lists = new Lists(counts, first, end, listLength)
    for await (const { source, target, similarity } of pairs()) {
      // Sources ascend, and so do all that follow.
      if (source[0]! >= end) break
      for (let i = 0; i < source.length; i++) {
        lists.add(source[i]!, target[i]!, similarity[i]!)
        lists.add(target[i]!, source[i]!, similarity[i]!)
      }
    }
    lists.tellEnds(onEnd)
    first = nextCrowded(counts, end, listLength)
  }
}

function nextCrowded(counts: Uint32Array, from: number, listLength: number): number {
  let row = from
  while (row < counts.length && counts[row]! < listLength) row++
  return row
}

/** One row at least. */
function endOfPart(counts: Uint32Array, first: number, listLength: number, memoryBytes: number): number {
  let bytes = 0
  for (let row = first; row < counts.length; row++) {
    bytes += ROW_BYTES + (counts[row]! >= listLength ? ENTRY_BYTES * listLength : 0)
    if (bytes > memoryBytes && row > first) return row
  }
  return counts.length
}

/** The best neighbors of crowded rows, each list a heap with its last neighbor on top. */
class Lists {
  readonly #first: number
  readonly #listLength: number
  /** Of each row: where its list starts, or the next one's; there is nothing between those of rows that have none. */
  readonly #starts: Uint32Array
  readonly #filled: Uint32Array
  readonly #similarity: Float32Array
  readonly #neighbor: Uint32Array

  /** Of the rows from `first` to `end`. */
  constructor(counts: Uint32Array, first: number, end: number, listLength: number) {
    this.#first = first
    this.#listLength = listLength
    this.#starts = new Uint32Array(end - first + 1)
    this.#filled = new Uint32Array(end - first)
    let entries = 0
    for (let row = first; row < end; row++) {
      if (counts[row]! >= listLength) entries += listLength
      this.#starts[row - first + 1] = entries
    }
    this.#similarity = new Float32Array(entries)
    this.#neighbor = new Uint32Array(entries)
  }

  add(row: number, neighbor: number, similarity: number): void {
    const i = row - this.#first
    if (i < 0 || i >= this.#filled.length) return
    const start = this.#starts[i]!
    if (this.#starts[i + 1] === start) return
    const filled = this.#filled[i]!
    if (filled < this.#listLength) {
      this.#filled[i] = filled + 1
      this.#rise(start, filled, similarity, neighbor)
    } else if (listOrder(similarity, neighbor, this.#similarity[start]!, this.#neighbor[start]!) < 0) {
      this.#sink(start, similarity, neighbor)
    }
  }

  tellEnds(onEnd: (row: number, similarity: number, neighbor: number) => void): void {
    for (let i = 0; i < this.#filled.length; i++) {
      const start = this.#starts[i]!
      if (this.#filled[i] === this.#listLength)
        onEnd(this.#first + i, this.#similarity[start]!, this.#neighbor[start]!)
    }
  }

  #rise(start: number, at: number, similarity: number, neighbor: number): void {
    let place = at
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!this.#isBehind(similarity, neighbor, start + above)) break
      this.#set(start + place, this.#similarity[start + above]!, this.#neighbor[start + above]!)
      place = above
    }
    this.#set(start + place, similarity, neighbor)
  }

  /** Puts a neighbor in the place of the last one. */
  #sink(start: number, similarity: number, neighbor: number): void {
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.#listLength) break
      const other = below + 1
      if (
        other < this.#listLength &&
        this.#isBehind(this.#similarity[start + other]!, this.#neighbor[start + other]!, start + below)
      )
        below = other
      if (this.#isBehind(similarity, neighbor, start + below)) break
      this.#set(start + place, this.#similarity[start + below]!, this.#neighbor[start + below]!)
      place = below
    }
    this.#set(start + place, similarity, neighbor)
  }

  #isBehind(similarity: number, neighbor: number, at: number): boolean {
    return listOrder(similarity, neighbor, this.#similarity[at]!, this.#neighbor[at]!) > 0
  }

  #set(at: number, similarity: number, neighbor: number): void {
    this.#similarity[at] = similarity
    this.#neighbor[at] = neighbor
  }
}
