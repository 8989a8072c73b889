import type { EdgeBatch } from '@facekit/core'
import { BLOCK_EDGES } from './blocks.js'
import type { PairColumns } from './pair-columns.js'

const DIGIT_BITS = 16
const DIGITS = 2 ** DIGIT_BITS

/** What sorting takes for each pair, beside the pairs: the order, twice. */
export const SORT_BYTES = 8

/**
 * The order of pairs by (source, target): a radix sort, 16 bits at a time.
 *
 * @returns count × uint32, positions
 */
export function orderOfPairs({ source, target, count }: PairColumns): Uint32Array {
  let order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  let sorted = new Uint32Array(count)
  const next = new Uint32Array(DIGITS)
  for (const column of [target, source]) {
    for (const shift of [0, DIGIT_BITS]) {
      next.fill(0)
      for (let at = 0; at < count; at++) next[(column[at]! >>> shift) & (DIGITS - 1)]!++
      // The upper bits of few rows are all the same.
      if (count === 0 || next[(column[0]! >>> shift) & (DIGITS - 1)] === count) continue
      let start = 0
      for (let digit = 0; digit < DIGITS; digit++) {
        const size = next[digit]!
        next[digit] = start
        start += size
      }
      for (let i = 0; i < count; i++) {
        const at = order[i]!
        sorted[next[(column[at]! >>> shift) & (DIGITS - 1)]!++] = at
      }
      ;[order, sorted] = [sorted, order]
    }
  }
  return order
}

/**
 * Pairs in the order of `orderOfPairs`, each once, some at a time.
 *
 * @param isKept asked for each: others are left out
 */
export function* inOrder(
  { source, target, similarity, count }: PairColumns,
  order: Uint32Array,
  isKept: (at: number) => boolean = () => true,
): Generator<EdgeBatch> {
  let last = -1
  for (let i = 0; i < count;) {
    const batch = {
      source: new Uint32Array(Math.min(BLOCK_EDGES, count - i)),
      target: new Uint32Array(Math.min(BLOCK_EDGES, count - i)),
      similarity: new Float32Array(Math.min(BLOCK_EDGES, count - i)),
    }
    let filled = 0
    for (; i < count && filled < batch.source.length; i++) {
      const at = order[i]!
      const isAgain = last >= 0 && source[at] === source[last] && target[at] === target[last]
      last = at
      if (isAgain || !isKept(at)) continue
      batch.source[filled] = source[at]!
      batch.target[filled] = target[at]!
      batch.similarity[filled] = similarity[at]!
      filled++
    }
    if (filled > 0) yield firstOf(batch, filled)
  }
}

export function firstOf({ source, target, similarity }: EdgeBatch, count: number): EdgeBatch {
  if (count === source.length) return { source, target, similarity }
  return {
    source: source.subarray(0, count),
    target: target.subarray(0, count),
    similarity: similarity.subarray(0, count),
  }
}
