import type { EdgeBatch } from '@facekit/core'
import { PairColumns } from './pair-columns.js'

/** The pairs of a batch for which it answers true, in their order. */
export function keptPairs(
  { source, target, similarity }: EdgeBatch,
  isKept: (source: number, target: number, similarity: number) => boolean,
): EdgeBatch {
  const kept = new PairColumns()
  for (let i = 0; i < source.length; i++) {
    const [a, b, cosine] = [source[i]!, target[i]!, similarity[i]!]
    if (isKept(a, b, cosine)) kept.add(a, b, cosine)
  }
  return kept.take()
}
