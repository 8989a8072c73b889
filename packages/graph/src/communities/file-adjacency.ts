import { ScratchFile } from '@facekit/core'
import type { Adjacency, AdjacencyBlock } from './adjacency.js'

/** An entry: its row, uint32, and its weight, float32. */
export const ENTRY_BYTES = 8

/** An adjacency in two scratch files, which are read in ascending order. */
export class FileAdjacency implements Adjacency {
  readonly offsets: Float64Array
  readonly #mostEntries: number
  readonly #neighbors: ScratchFile
  readonly #weights: ScratchFile

  /**
   * @param offsets may be filled in as entries are appended, before any is read
   * @param blockBytes what a block takes in memory, unless a single row takes more
   */
  constructor(offsets: Float64Array, path: string, blockBytes: number) {
    this.offsets = offsets
    this.#mostEntries = Math.floor(blockBytes / ENTRY_BYTES)
    this.#neighbors = new ScratchFile(`${path}-neighbors`)
    this.#weights = new ScratchFile(`${path}-weights`)
  }

  get rows(): number {
    return this.offsets.length - 1
  }

  /** Adds the entries of the next rows. */
  append(neighbors: Uint32Array, weights: Float32Array): void {
    this.#neighbors.append(neighbors)
    this.#weights.append(weights)
  }

  *blocks(mostRows: number): Generator<AdjacencyBlock> {
    const { rows, offsets } = this
    let neighborsHere = new Uint32Array(0)
    let weightsHere = new Float32Array(0)
    for (let start = 0; start < rows;) {
      const base = offsets[start]!
      const stop = Math.min(rows, start + mostRows)
      let end = start + 1
      while (end < stop && offsets[end + 1]! - base <= this.#mostEntries) end++
      const entries = offsets[end]! - base
      if (entries > neighborsHere.length) {
        neighborsHere = new Uint32Array(entries)
        weightsHere = new Float32Array(entries)
      }
      const neighbors = neighborsHere.subarray(0, entries)
      const weights = weightsHere.subarray(0, entries)
      this.#neighbors.read(4 * base, neighbors)
      this.#weights.read(4 * base, weights)
      yield { start, end, base, neighbors, weights }
      start = end
    }
  }

  remove(): void {
    this.#neighbors.remove()
    this.#weights.remove()
  }
}
