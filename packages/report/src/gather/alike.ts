import { add, dot, readRows, readVectors, sampleClasses, toUnit, type EmbeddingReader } from '@facekit/core'
import { LIMITS } from '../limits.js'
import { Best } from './best.js'
import type { Classes } from './classes.js'
import type { Pair } from './edge-facts.js'

/** Two classes that may be one person. */
export interface AlikeClasses {
  classes: [number, number]
  /** Of the means of their faces. */
  cosine: number
  /** Of the two faces that are most alike, of those compared. */
  nearest: Pair
  /** Faces of each that were compared, those shown. */
  rows: [number[], number[]]
}

export interface Alike {
  /** The most alike first. */
  pairs: AlikeClasses[]
  /** Of all that were compared, how many are as alike as that. */
  count: number
  /** Classes that were compared with every other of these. */
  largest: number
  /** Classes that were compared with any. */
  compared: number
}

/**
 * Pairs of classes whose mean faces are alike: means of many faces of one person are nearer to one another than any two
 * faces. Compared are the largest classes with one another, and those that the most similar pairs of rows are between.
 * Memory is a mean for each class that is compared.
 *
 * @param between rows of different classes
 * @param least cosine of means
 */
export async function findAlike(
  { classOf, sizes }: Classes,
  embeddings: EmbeddingReader,
  between: readonly Pair[],
  least: number,
  random: () => number,
): Promise<Alike> {
  let largest = 0
  while (largest < Math.min(LIMITS.alikeClasses, sizes.length) && sizes[largest]! > 1) largest++
  const candidates = between
    .map(({ source, target }) => inOrder(classOf[source]!, classOf[target]!))
    .filter(([, b]) => b >= largest)
  const numbers = new Set([...Array.from({ length: largest }, (_, number) => number), ...candidates.flat()])
  const limits = new Map([...numbers].sort((a, b) => a - b).map((number) => [number, LIMITS.meanFaces]))
  const rowsOf = sampleClasses(classOf, sizes.length, limits, random)
  const means = await meansOf(embeddings, classOf, rowsOf)

  const best = new Best<[number, number]>(LIMITS.alike)
  let count = 0
  const offer = (a: number, b: number) => {
    const cosine = dot(means.get(a)!, means.get(b)!)
    if (!(cosine >= least)) return
    count++
    if (best.takes(cosine)) best.offer(cosine, [a, b])
  }
  for (let a = 0; a < largest; a++) for (let b = a + 1; b < largest; b++) offer(a, b)
  const seen = new Set<string>()
  for (const [a, b] of candidates) {
    const name = `${a} ${b}`
    if (!seen.has(name)) offer(a, b)
    seen.add(name)
  }

  const found = best.items()
  const shown = (number: number) => rowsOf.get(number)!.slice(0, LIMITS.alikeFaces)
  const vectors = await readVectors(embeddings, found.flat().flatMap(shown))
  const pairs = found.map(([a, b]): AlikeClasses => {
    const rows: [number[], number[]] = [shown(a), shown(b)]
    return {
      classes: [a, b],
      cosine: dot(means.get(a)!, means.get(b)!),
      nearest: nearestOf(rows, vectors),
      rows,
    }
  })
  return { pairs, count, largest, compared: numbers.size }
}

function inOrder(a: number, b: number): [number, number] {
  return a < b ? [a, b] : [b, a]
}

async function meansOf(
  embeddings: EmbeddingReader,
  classOf: Int32Array,
  rowsOf: ReadonlyMap<number, number[]>,
): Promise<Map<number, Float32Array>> {
  const means = new Map([...rowsOf.keys()].map((number) => [number, new Float32Array(embeddings.dim)]))
  const rows = [...rowsOf.values()].flat().sort((a, b) => a - b)
  await readRows(embeddings, rows, (row, unit) => add(means.get(classOf[row]!)!, unit))
  for (const mean of means.values()) toUnit(mean)
  return means
}

function nearestOf(
  [ofA, ofB]: readonly [readonly number[], readonly number[]],
  vectors: ReadonlyMap<number, Float32Array>,
): Pair {
  const best = new Best<Pair>(1)
  for (const source of ofA)
    for (const target of ofB) {
      const similarity = dot(vectors.get(source)!, vectors.get(target)!)
      best.offer(similarity, { source, target, similarity })
    }
  return best.items()[0]!
}
