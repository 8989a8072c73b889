import { dot, NO_CLASS, readVectors, sample, sampleClasses, seededRandom } from '@facekit/core'
import type { EmbeddingReader } from '@facekit/core'
import { className, type NamedClustering } from './class-names.js'

/** Images that are compared with one another, 32,640 pairs: shares of them are good to a few hundredths. */
const COMPARED = 256
/** The same images each time. */
const SEED = 1

/** A median above is no longer that of strangers, who are around 0 under a model that tells persons apart. */
const HIGHEST_MEDIAN = 0.3
/** Of the normal distribution of strangers' cosines; few of them are above, and hardly a pair of one person is below. */
const SPREADS = 2
/**
 * Of the pairs of a chain, as many at least are like strangers. Of 530 classes of real faces under three models, of which at
 * least 0.95 are of one person, none had more than 0.04; of 2,687 hard made-up ones, whose looks may differ as strangers
 * do, none had more than 0.25. Two persons of four and one fifths of the images have 0.31.
 */
const CHAIN_SHARE = 0.3
/** In smaller classes these are pairs of few images. */
const LEAST_CHAIN = 20

/** The largest class of a clustering, and what tells whether it is one person. */
export interface LargestClass {
  class: string
  images: number
  /** Of all images in classes, 0 to 1. */
  share: number
  /** Mean cosine of its images with one another, by some drawn ones; 1 for a class of one image. */
  cohesion: number
  /** How many of these pairs are as unlike as strangers, 0 to 1; 0 where nobody can tell what strangers are like. */
  strangers: number
  /** Whether it looks like several persons that run together. */
  isChain: boolean
}

/**
 * The largest class, and whether it may be one person. Strangers are told by images drawn from all classes: nearly all of
 * their pairs are of two persons.
 *
 * @param labelled images in classes
 * @returns undefined where there is no class
 */
export async function largestClass(
  { classOf, sizes, numbers }: NamedClustering,
  labelled: number,
  embeddings: EmbeddingReader,
): Promise<LargestClass | undefined> {
  const images = sizes[0]
  if (images === undefined) return undefined
  const random = seededRandom(SEED)
  const members = sampleClasses(classOf, sizes.length, new Map([[0, COMPARED]]), random).get(0)!
  const others = sample(rowsInClasses(classOf), COMPARED, random)
  const cosines = await cosinesOf(members, embeddings)
  const unlike = strangersBelow((await cosinesOf(others, embeddings)).sort())
  const sum = cosines.reduce((total, cosine) => total + cosine, 0)
  const strangers =
    cosines.reduce((count, cosine) => count + Number(cosine < unlike), 0) / Math.max(1, cosines.length)
  return {
    class: className(numbers[0]!),
    images,
    share: images / labelled,
    cohesion: cosines.length > 0 ? sum / cosines.length : 1,
    strangers,
    isChain: images >= LEAST_CHAIN && strangers >= CHAIN_SHARE,
  }
}

function* rowsInClasses(classOf: Int32Array): Generator<number> {
  for (let row = 0; row < classOf.length; row++) if (classOf[row] !== NO_CLASS) yield row
}

async function cosinesOf(rows: readonly number[], embeddings: EmbeddingReader): Promise<Float64Array> {
  const units = [...(await readVectors(embeddings, rows)).values()]
  const cosines = new Float64Array((units.length * (units.length - 1)) / 2)
  let count = 0
  for (let a = 0; a < units.length; a++)
    for (let b = 0; b < a; b++) cosines[count++] = dot(units[a]!, units[b]!)
  return cosines
}

/**
 * The cosine below which two images are as unlike as strangers. The lower half of random pairs tells it: pairs of one person
 * stretch the upper.
 *
 * @param cosines of random pairs, ascending
 * @returns -Infinity where these are no strangers
 */
function strangersBelow(cosines: Float64Array): number {
  const median = cosines[Math.floor(0.5 * cosines.length)] ?? Infinity
  if (median > HIGHEST_MEDIAN) return -Infinity
  const spread = median - cosines[Math.floor(0.1587 * cosines.length)]!
  return Math.min(HIGHEST_MEDIAN, median + SPREADS * spread)
}
