import { FloatRows } from '../gallery/float-rows.js'
import type { GalleryData } from '../gallery/gallery.js'
import type { Candidates } from './candidates.js'
import type { FlatIndex } from './faiss-node.js'
import { loadFaiss } from './faiss-node.js'

// faiss-node takes and returns arrays of JavaScript numbers: this bounds each to some tens of megabytes.
const NUMBERS_AT_ONCE = 2 ** 21

/** Neighbors beyond topK, so that few rows tie at the end of their list and are searched again. */
const SPARE_NEIGHBORS = 16

/** Exact search by FAISS's `IndexFlatIP`, through faiss-node. It blocks the thread that calls it. */
export class FaissEngine {
  readonly #gallery: GalleryData
  readonly #index: FlatIndex
  readonly #embeddings: FloatRows
  readonly #neighbors: number
  /** Rows that it likes to search for at once. */
  readonly chunkRows: number

  private constructor(gallery: GalleryData, index: FlatIndex, neighbors: number) {
    this.#gallery = gallery
    this.#index = index
    this.#embeddings = new FloatRows(gallery)
    this.#neighbors = neighbors
    const fitting = Math.floor(NUMBERS_AT_ONCE / Math.max(gallery.dim, neighbors))
    this.chunkRows = Math.max(1, Math.min(gallery.rows, fitting))
  }

  static async create(gallery: GalleryData, listLength: number): Promise<FaissEngine> {
    const { rows, dim } = gallery
    const { IndexFlatIP } = await loadFaiss()
    // FAISS finds the row itself, too.
    const neighbors = Math.min(rows, listLength + 1 + SPARE_NEIGHBORS)
    const engine = new FaissEngine(gallery, new IndexFlatIP(dim), neighbors)
    engine.#addRows()
    return engine
  }

  #addRows(): void {
    const { rows, dim } = this.#gallery
    const units = new Float32Array(this.chunkRows * dim)
    for (let start = 0; start < rows; start += this.chunkRows) {
      const end = Math.min(rows, start + this.chunkRows)
      this.#embeddings.readUnits(start, end, units)
      this.#index.add(Array.from(units.subarray(0, (end - start) * dim)))
    }
  }

  /**
   * Adds to `candidates[row - start]`, for each row in [start, end), every other row whose inner product with it is at or
   * above `bound`, or at least as many of the best as the candidates' limit. Unusable rows may be among them.
   */
  search(start: number, end: number, bound: number, candidates: readonly Candidates[]): void {
    const queries = Array.from({ length: end - start }, (_, i) => start + i)
    searchRows(
      this.#index,
      this.#gallery,
      this.#embeddings,
      queries,
      this.#neighbors,
      bound,
      (row) => candidates[row - start]!,
    )
  }
}

/**
 * FAISS gives the best few and does not say whether more tie with the last: rows whose list may have been cut among
 * ties, or within rounding errors of them, are searched again for more.
 */
function searchRows(
  index: FlatIndex,
  gallery: GalleryData,
  embeddings: FloatRows,
  queries: readonly number[],
  neighbors: number,
  bound: number,
  candidatesOf: (row: number) => Candidates,
): void {
  const { rows, dim, unusable } = gallery
  const units = new Float32Array(queries.length * dim)
  queries.forEach((row, i) => embeddings.readUnits(row, row + 1, units.subarray(i * dim, (i + 1) * dim)))
  const { labels, distances: similarities } = index.search(Array.from(units), neighbors)
  const cut: number[] = []
  queries.forEach((row, i) => {
    const candidates = candidatesOf(row)
    candidates.clear()
    for (let at = i * neighbors; at < (i + 1) * neighbors; at++) {
      const found = labels[at]!
      if (similarities[at]! >= bound && found !== row && !unusable[found])
        candidates.add(found, similarities[at]!)
    }
    const last = similarities[(i + 1) * neighbors - 1]!
    if (neighbors < rows && last >= bound && last >= candidates.lowestThatCounts()) cut.push(row)
  })
  if (cut.length === 0) return
  const more = Math.min(rows, 2 * neighbors)
  const rowsAtOnce = Math.max(1, Math.floor(NUMBERS_AT_ONCE / Math.max(dim, more)))
  for (let start = 0; start < cut.length; start += rowsAtOnce) {
    searchRows(index, gallery, embeddings, cut.slice(start, start + rowsAtOnce), more, bound, candidatesOf)
  }
}
