import type { EdgeBatch } from '@facekit/core'
import type { GalleryData } from './gallery.js'
import { similarity } from './similarity.js'

interface Neighbor {
  row: number
  similarity: number
}

/**
 * Turns candidates into edges: those at or above the threshold, of which each row lists its `topK - 1` most similar
 * (itself being the first of its topK; ties go to the smaller row). A pair is an edge if either end lists the other,
 * and comes once.
 *
 * Rows must be given in ascending order: when both ends list each other, the smaller one has emitted the edge, and how
 * far its list reached tells so without keeping the list.
 */
export class EdgeSelector {
  readonly #gallery: GalleryData
  readonly #threshold: number
  readonly #listLength: number
  /** Where the list of each row was cut off: the last similarity and row that it holds. */
  readonly #lastSimilarity: Float32Array
  readonly #lastRow: Uint32Array
  #source: number[] = []
  #target: number[] = []
  #similarity: number[] = []

  constructor(gallery: GalleryData, threshold: number, topK: number) {
    this.#gallery = gallery
    this.#threshold = Math.fround(threshold)
    this.#listLength = topK - 1
    this.#lastSimilarity = new Float32Array(gallery.rows).fill(-Infinity)
    this.#lastRow = new Uint32Array(gallery.rows)
  }

  addRow(row: number, candidates: Uint32Array): void {
    let neighbors: Neighbor[] = []
    for (const candidate of candidates) {
      const cosine = similarity(this.#gallery, row, candidate)
      if (cosine >= this.#threshold) neighbors.push({ row: candidate, similarity: cosine })
    }
    if (neighbors.length >= this.#listLength) {
      neighbors.sort((a, b) => b.similarity - a.similarity || a.row - b.row)
      neighbors = neighbors.slice(0, this.#listLength)
      const last = neighbors.at(-1)
      this.#lastSimilarity[row] = last ? last.similarity : Infinity
      this.#lastRow[row] = last ? last.row : 0
    }
    for (const neighbor of neighbors) {
      if (neighbor.row > row) this.#emit(row, neighbor.row, neighbor.similarity)
      else if (!this.#lists(neighbor.row, row, neighbor.similarity))
        this.#emit(neighbor.row, row, neighbor.similarity)
    }
  }

  /** The edges since the last call. */
  take(): EdgeBatch {
    const edges = {
      source: Uint32Array.from(this.#source),
      target: Uint32Array.from(this.#target),
      similarity: Float32Array.from(this.#similarity),
    }
    this.#source = []
    this.#target = []
    this.#similarity = []
    return edges
  }

  #lists(owner: number, row: number, cosine: number): boolean {
    const last = this.#lastSimilarity[owner]!
    return cosine > last || (cosine === last && row <= this.#lastRow[owner]!)
  }

  #emit(source: number, target: number, cosine: number): void {
    this.#source.push(source)
    this.#target.push(target)
    this.#similarity.push(cosine)
  }
}
