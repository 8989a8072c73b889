import { readVectors, sampleClasses, type EmbeddingReader } from '@facekit/core'
import { LEAST_COHESION_ROWS, LEAST_HALF, LIMITS, LOW_COHESION } from '../limits.js'
import { Best } from './best.js'
import type { Classes } from './classes.js'
import { drawnCohesion, edgeCohesion, type Cohesion } from './cohesion.js'
import { Cosines } from './cosines.js'
import type { EdgeFacts } from './edge-facts.js'
import { twoGroups } from './two-groups.js'

/** Classes whose faces know few of one another. */
export interface LooseClasses {
  /** Those in two groups first, then the least cohesive. */
  shown: number[]
  /** Classes that lack edges. */
  count: number
  /** Those that may be several persons: of the least cohesive ones, where there are embeddings. */
  doubtful: number
  /** How that was told: by their faces, or by their edges alone. */
  by: 'groups' | 'edges'
  /** By class, the cosine of the means of two groups that its faces fall into. */
  groups: ReadonlyMap<number, number>
}

/** Of faces that are held at once: 256 classes of 32. */
const CLASSES_AT_ONCE = 256

/**
 * Finds chains, and persons that ran together. Large classes, whose edges the length of lists bounds, are measured by
 * faces drawn from them.
 *
 * @param least cosine that joins
 */
export async function findLoose(
  classes: Classes,
  embeddings: EmbeddingReader | undefined,
  edges: EdgeFacts,
  least: number,
  random: () => number,
): Promise<LooseClasses> {
  const { sizes } = classes
  const large = embeddings ? largeClasses(sizes, edges.topK) : []
  const drawn = new Map<number, Cohesion>()
  for await (const [number, cosines] of drawFaces(large, classes, embeddings, random))
    drawn.set(number, drawnCohesion(cosines, least))

  const loosest = new Best<number>(LIMITS.looseClasses)
  let [count, low] = [0, 0]
  for (const [number, size] of sizes.entries()) {
    if (size < LEAST_COHESION_ROWS) break
    const { share } = drawn.get(number) ?? edgeCohesion(number, size, edges)
    if (share === 1) continue
    count++
    if (share < LOW_COHESION) low++
    loosest.offer(-share, number)
  }
  const found = loosest.items()

  const groups = new Map<number, number>()
  for await (const [number, cosines] of drawFaces(found, classes, embeddings, random)) {
    const cosine = twoGroups(cosines, LEAST_HALF)
    if (cosine !== undefined && cosine < least) groups.set(number, cosine)
  }
  const inGroups = found.filter((number) => groups.has(number))
  const others = found.filter((number) => !groups.has(number))
  return {
    shown: [...inGroups, ...others].slice(0, LIMITS.sheetClasses),
    count,
    doubtful: embeddings ? groups.size : low,
    by: embeddings ? 'groups' : 'edges',
    groups,
  }
}

/** Classes are numbered from the largest on. */
function largeClasses(sizes: Uint32Array, topK: number): number[] {
  const end = sizes.findIndex((size) => size <= topK)
  const count = Math.min(LIMITS.largeClasses, end < 0 ? sizes.length : end)
  return Array.from({ length: count }, (_, number) => number)
}

async function* drawFaces(
  numbers: readonly number[],
  { classOf, sizes }: Classes,
  embeddings: EmbeddingReader | undefined,
  random: () => number,
): AsyncGenerator<[number: number, cosines: Cosines]> {
  if (!embeddings) return
  for (let first = 0; first < numbers.length; first += CLASSES_AT_ONCE) {
    const some = numbers.slice(first, first + CLASSES_AT_ONCE)
    const limits = new Map(some.map((number) => [number, LIMITS.looseFaces]))
    const rowsOf = sampleClasses(classOf, sizes.length, limits, random)
    const vectors = await readVectors(embeddings, [...rowsOf.values()].flat())
    for (const [number, rows] of rowsOf) yield [number, new Cosines(rows.map((row) => vectors.get(row)!))]
  }
}
