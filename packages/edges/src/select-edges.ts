import type { EdgeBatch } from '@facekit/core'
import type { SortedPairs } from './blocks.js'
import { keptPairs } from './kept-pairs.js'
import { findListEnds } from './list-ends.js'
import { listOrder } from './list-order.js'

export interface SelectOptions {
  rows: number
  /** Neighbors that a row lists, at most, itself not counted; rows - 1 for all. */
  listLength: number
  /** To work with: for each row, what its list ends with. They need no memory where every pair is listed. */
  ends: { similarity: Float32Array; neighbor: Uint32Array }
  /** What lists may take at once. */
  memoryBytes: number
}

/**
 * The edges among pairs: those of which either end has the other in its list.
 *
 * @param sorted pairs, read several times
 */
export async function* selectEdges(
  sorted: SortedPairs,
  { rows, listLength, ends: { similarity, neighbor }, memoryBytes }: SelectOptions,
): AsyncGenerator<EdgeBatch> {
  if (listLength >= rows - 1) return yield* sorted()
  similarity.fill(-Infinity)
  await findListEnds(sorted, { rows, listLength, counts: neighbor, memoryBytes }, (row, end, last) => {
    similarity[row] = end
    neighbor[row] = last
  })
  const lists = (owner: number, other: number, cosine: number) =>
    listOrder(cosine, other, similarity[owner]!, neighbor[owner]!) <= 0
  for await (const batch of sorted()) {
    const edges = keptPairs(batch, (a, b, cosine) => lists(a, b, cosine) || lists(b, a, cosine))
    if (edges.source.length > 0) yield edges
  }
}
