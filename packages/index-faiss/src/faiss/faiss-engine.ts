import { FloatRows } from '../gallery/float-rows.js'
import type { GalleryData } from '../gallery/gallery.js'
import type { Candidates } from './candidates.js'
import type { SearchEngine } from './engine.js'
import type { FlatIndex } from './faiss-node.js'
import { loadFaiss } from './faiss-node.js'

// faiss-node takes and returns arrays of JavaScript numbers: this bounds each to some tens of megabytes.
const NUMBERS_AT_ONCE = 2 ** 21

/** Neighbors beyond topK, so that few rows tie at the end of their list and are searched again. */
const SPARE_NEIGHBORS = 16

/** Exact search by FAISS's `IndexFlatIP`, through faiss-node. */
export async function faissEngine(gallery: GalleryData, listLength: number): Promise<SearchEngine> {
  const { rows, dim } = gallery
  const { IndexFlatIP } = await loadFaiss()
  const index = new IndexFlatIP(dim)
  const embeddings = new FloatRows(gallery)
  // FAISS finds the row itself, too.
  const neighbors = Math.min(rows, listLength + 1 + SPARE_NEIGHBORS)
  const rowsAtOnce = Math.max(1, Math.floor(NUMBERS_AT_ONCE / Math.max(dim, neighbors)))
  const units = new Float32Array(rowsAtOnce * dim)
  for (let start = 0; start < rows; start += rowsAtOnce) {
    const end = Math.min(rows, start + rowsAtOnce)
    embeddings.readUnits(start, end, units)
    index.add(Array.from(units.subarray(0, (end - start) * dim)))
  }
  return {
    chunkRows: rowsAtOnce,
    search(start, end, bound, candidates) {
      const queries = Array.from({ length: end - start }, (_, i) => start + i)
      searchRows(index, gallery, embeddings, queries, neighbors, bound, (row) => candidates[row - start]!)
    },
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
