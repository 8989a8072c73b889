import { NO_CLASS } from '@facekit/core'
import { readEdges, type EdgeSet } from '@facekit/edges'
import { LIMITS } from '../limits.js'
import { Best } from './best.js'
import type { Classes } from './classes.js'

export interface Pair {
  source: number
  target: number
  similarity: number
}

/** Counts of pairs in each step of 0.01, from -1 up. */
export const BINS = 200

/** What one reading of the edges tells. */
export interface EdgeFacts {
  edges: number
  floor: number
  topK: number
  /** Of both rows in one class, of rows in two, and of removed images: 200 counts each. */
  histogram: { same: Float64Array; different: Float64Array; removed: Float64Array }
  /** classes × uint32: edges within each class, from the threshold of classes up. */
  edgesOf: Uint32Array
  /** Nearest first. */
  nearClass: { below: Pair[]; above: Pair[] }
  nearDuplicate: { below: Pair[]; above: Pair[] }
  /** The most similar pairs of rows in different classes. */
  between: Pair[]
}

/**
 * Goes through the edges once; memory is 4 bytes a class and what `LIMITS` say.
 *
 * @param clusterThresh undefined where nobody knows: all edges count
 * @param duplicateThresh undefined where duplicates were kept, or nobody knows
 */
export async function readEdgeFacts(
  set: EdgeSet,
  { classOf, sizes }: Classes,
  clusterThresh: number | undefined,
  duplicateThresh: number | undefined,
  signal: AbortSignal | undefined,
): Promise<EdgeFacts> {
  const [same, different, removed] = [new Float64Array(BINS), new Float64Array(BINS), new Float64Array(BINS)]
  const edgesOf = new Uint32Array(sizes.length)
  const [cluster, duplicate] = [new NearThreshold(clusterThresh), new NearThreshold(duplicateThresh)]
  const between = new Best<Pair>(LIMITS.alikePairs)
  const joins = Math.fround(clusterThresh ?? -1)
  for await (const batch of readEdges(set)) {
    signal?.throwIfAborted()
    for (let i = 0; i < batch.source.length; i++) {
      const source = batch.source[i]!
      const target = batch.target[i]!
      const similarity = batch.similarity[i]!
      const [a, b] = [classOf[source]!, classOf[target]!]
      const bin = binOf(similarity)
      duplicate.offer(source, target, similarity)
      if (a === NO_CLASS || b === NO_CLASS) {
        removed[bin]!++
        continue
      }
      cluster.offer(source, target, similarity)
      if (a === b) {
        same[bin]!++
        if (similarity >= joins) edgesOf[a]!++
      } else {
        different[bin]!++
        if (between.takes(similarity)) between.offer(similarity, { source, target, similarity })
      }
    }
  }
  return {
    edges: set.edges,
    floor: set.floor,
    topK: set.topK,
    histogram: { same, different, removed },
    edgesOf,
    nearClass: cluster.pairs(),
    nearDuplicate: duplicate.pairs(),
    between: between.items(),
  }
}

export function binOf(similarity: number): number {
  return Math.min(BINS - 1, Math.max(0, Math.floor(((similarity + 1) * BINS) / 2)))
}

/** Pairs just below and just above a threshold. */
class NearThreshold {
  readonly #threshold: number | undefined
  readonly #below = new Best<Pair>(LIMITS.borderlineFound)
  readonly #above = new Best<Pair>(LIMITS.borderlineFound)

  constructor(threshold: number | undefined) {
    this.#threshold = threshold === undefined ? undefined : Math.fround(threshold)
  }

  offer(source: number, target: number, similarity: number): void {
    if (this.#threshold === undefined) return
    const isAbove = similarity >= this.#threshold
    const [side, score] = isAbove ? [this.#above, -similarity] : [this.#below, similarity]
    if (side.takes(score)) side.offer(score, { source, target, similarity })
  }

  /** Each row once: one blurred face would fill the page. */
  pairs(): { below: Pair[]; above: Pair[] } {
    return { below: distinct(this.#below.items()), above: distinct(this.#above.items()) }
  }
}

function distinct(pairs: readonly Pair[]): Pair[] {
  const seen = new Set<number>()
  const chosen = pairs.filter(({ source, target }) => {
    const isNew = !seen.has(source) && !seen.has(target)
    if (isNew) seen.add(source).add(target)
    return isNew
  })
  return chosen.slice(0, LIMITS.borderline)
}
