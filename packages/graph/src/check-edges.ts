import { iterate, type BatchesOf, type EdgeBatch } from '@facekit/core'
import { GraphError } from './errors.js'

/** @throws GraphError `EDGE` for rows out of range or a similarity that is NaN */
export function checkEdges({ source, target, similarity }: EdgeBatch, rows: number): void {
  for (let i = 0; i < source.length; i++) {
    const a = source[i]!
    const b = target[i]!
    const cosine = similarity[i]!
    if (a >= rows || b >= rows || Number.isNaN(cosine))
      throw new GraphError(`Expected an edge between ${rows} rows but got ${a}–${b}, similarity ${cosine}`)
  }
}

/**
 * Edges as they come, each batch checked.
 *
 * @throws GraphError `EDGE`; the reason of the signal
 */
export async function* checkedEdges(
  edges: BatchesOf<EdgeBatch>,
  rows: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<EdgeBatch> {
  for await (const batch of iterate(edges)) {
    signal?.throwIfAborted()
    checkEdges(batch, rows)
    yield batch
  }
}
