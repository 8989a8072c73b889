import type { EdgeBatch } from '@facekit/core'
import { listOrder } from './list-order.js'
import { PairBuffer } from './pair-buffer.js'

/**
 * Turns the neighbors of each row into edges: each row lists its `listLength` most similar (ties go to the smaller
 * row), and a pair is an edge if either end lists the other. Every edge comes once.
 *
 * Rows must be given in ascending order: when both ends list each other, the smaller one has emitted the edge, and how
 * far its list reached tells so without keeping the list.
 */
export class EdgeSelector {
  readonly #listLength: number
  /** Where the list of each row was cut off: the last similarity and row that it holds. */
  readonly #lastSimilarity: Float32Array
  readonly #lastRow: Uint32Array
  readonly #edges = new PairBuffer()

  /** @param lastSimilarity rows × float32, kept from here: −∞ for the rows that are not given, or have room in their list */
  constructor(listLength: number, lastSimilarity: Float32Array) {
    this.#listLength = listLength
    this.#lastSimilarity = lastSimilarity
    this.#lastRow = new Uint32Array(lastSimilarity.length)
  }

  /** @param neighbors all rows at or above the threshold, or at least the `listLength` most similar of them */
  addRow(row: number, neighbors: readonly Neighbor[]): void {
    let listed = neighbors
    if (neighbors.length >= this.#listLength) {
      listed = neighbors
        .toSorted((a, b) => listOrder(a.similarity, a.row, b.similarity, b.row))
        .slice(0, this.#listLength)
      const last = listed.at(-1)
      this.#lastSimilarity[row] = last ? last.similarity : Infinity
      this.#lastRow[row] = last ? last.row : 0
    }
    for (const { row: other, similarity } of listed) {
      if (other > row) this.#edges.add(row, other, similarity)
      else if (!this.#lists(other, row, similarity)) this.#edges.add(other, row, similarity)
    }
  }

  /** The edges since the last call. */
  take(): EdgeBatch {
    return this.#edges.take()
  }

  #lists(owner: number, row: number, similarity: number): boolean {
    return listOrder(similarity, row, this.#lastSimilarity[owner]!, this.#lastRow[owner]!) <= 0
  }
}

export interface Neighbor {
  row: number
  /** float32 */
  similarity: number
}
