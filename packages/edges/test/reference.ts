import type { EdgeBatch } from '@facekit/core'

/** Source, target, similarity. */
export type Pair = readonly [number, number, number]

export function batchOf(pairs: readonly Pair[]): EdgeBatch {
  return {
    source: Uint32Array.from(pairs, ([source]) => source),
    target: Uint32Array.from(pairs, ([, target]) => target),
    similarity: Float32Array.from(pairs, ([, , similarity]) => similarity),
  }
}

/** Different pairs; few similarities, so that many tie. */
export function randomPairs(rows: number, random: () => number, count = Math.floor(random() * 200)): Pair[] {
  const pairs = new Map<string, Pair>()
  for (let i = 0; i < count; i++) {
    const source = Math.floor(random() * (rows - 1))
    const target = source + 1 + Math.floor(random() * (rows - source - 1))
    pairs.set(`${source}-${target}`, [source, target, Math.fround(Math.floor(random() * 12) / 12)])
  }
  return [...pairs.values()]
}

/** The rule, word by word; pairs as text, ascending by (source, target). */
export function bruteForceEdges(pairs: readonly Pair[], listLength: number): string[] {
  const lists = new Map<number, Set<number>>()
  for (const row of new Set(pairs.flatMap(([a, b]) => [a, b]))) {
    const best = pairs
      .filter(([a, b]) => a === row || b === row)
      .map(([a, b, similarity]) => ({ other: a === row ? b : a, similarity }))
      .sort((a, b) => b.similarity - a.similarity || a.other - b.other)
    lists.set(row, new Set(best.slice(0, listLength).map(({ other }) => other)))
  }
  return pairs
    .filter(([a, b]) => lists.get(a)!.has(b) || lists.get(b)!.has(a))
    .toSorted(([a, b], [c, d]) => a - c || b - d)
    .map((pair) => pair.join(' '))
}

export async function edgesOf(batches: AsyncIterable<EdgeBatch> | Iterable<EdgeBatch>): Promise<string[]> {
  const edges: string[] = []
  for await (const { source, target, similarity } of batches)
    source.forEach((row, i) => edges.push([row, target[i], similarity[i]].join(' ')))
  return edges
}
