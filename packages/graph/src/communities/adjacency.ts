/** Steps over so many rows take less than a tenth of a second; in between, signals are heard. */
export const ROWS_AT_ONCE = 2 ** 15

/** Consecutive rows of an `Adjacency`. It is valid until the next is asked for. */
export interface AdjacencyBlock {
  /** The first row. */
  start: number
  /** The row after the last. */
  end: number
  /** The number of the first entry that is here: those of a row begin at `offsets[row] - base`. */
  base: number
  /** Entries × uint32: rows, those of each row ascending. */
  neighbors: Uint32Array
  /** Entries × float32, or float64 where they are sums: above 0. */
  weights: Float32Array | Float64Array
}

/** An undirected graph without loops: every edge is an entry of both of its rows (compressed sparse rows). */
export interface Adjacency {
  readonly rows: number
  /** (rows + 1) × float64: where the entries of each row begin, and the number of all. */
  readonly offsets: Float64Array
  /** All rows in ascending order, so many at a time at most. */
  blocks(mostRows: number): Iterable<AdjacencyBlock>
  /** Gives up what it holds. */
  remove(): void
}

export class MemoryAdjacency implements Adjacency {
  readonly offsets: Float64Array
  readonly #neighbors: Uint32Array
  readonly #weights: Float32Array | Float64Array

  constructor(offsets: Float64Array, neighbors: Uint32Array, weights: Float32Array | Float64Array) {
    this.offsets = offsets
    this.#neighbors = neighbors
    this.#weights = weights
  }

  get rows(): number {
    return this.offsets.length - 1
  }

  *blocks(mostRows: number): Generator<AdjacencyBlock> {
    const { rows, offsets } = this
    for (let start = 0; start < rows; start += mostRows) {
      const end = Math.min(rows, start + mostRows)
      const base = offsets[start]!
      const neighbors = this.#neighbors.subarray(base, offsets[end])
      yield { start, end, base, neighbors, weights: this.#weights.subarray(base, offsets[end]) }
    }
  }

  remove(): void {}
}
