import { checkPositiveInteger, OptionError, seededRandom, type EmbeddingReader } from '@facekit/core'
import { hearSignal } from '../hear-signal.js'
import { sampleRows } from './sample-rows.js'
import { dot } from './vectors.js'

/** Spreads above the median where strangers end: of two million pairs of them, four lie above in a normal distribution. */
const SPREADS = 4.6

/** Rows that pairs are drawn from at a time: 64 MiB at dim 512. */
const SAMPLE_ROWS = 2 ** 15
/** Times that others are drawn, where there are more rows than that. */
const SAMPLES = 4

/** Fewer rows tell more of who they are than of strangers. */
const FEW_ROWS = 100
/** A median above is no longer that of strangers, who are around 0 under a model that tells persons apart. */
const HIGHEST_MEDIAN = 0.3
/** Strangers spread nearly alike to both sides (1.02 to 1.06 under three models); pairs of one person stretch the upper. */
const MOST_SKEW = 1.25
/** The upper quantile has left the strangers: a sixth of all pairs are of one person. */
const FEW_PERSONS_SKEW = 2
/** Two pictures of one person seldom have a cosine above. */
const HIGHEST_THRESHOLD = 0.9
/** Of the histogram: all cosines, in steps of 0.01. */
const BINS = 200

/** Used where the pairs tell nothing: strangers end at 0.47 to 0.56 under three models. */
const FALLBACK = 0.5

/** How many pairs are drawn, and by which seed. */
export interface CalibrateOptions {
  /** Pairs of rows to draw. */
  pairs?: number
  seed?: number
  signal?: AbortSignal | undefined
}

/** Where strangers end. */
export interface Calibration {
  /** The cosine that hardly any two strangers reach: `median` + 4.6 `spread`, unless there is a `doubt`. */
  threshold: number
  /** Of the cosines of the pairs; NaN where there are none. */
  median: number
  /** From the median to the 84.13 % quantile, one standard deviation of a normal distribution; NaN where there are none. */
  spread: number
  /** How many pairs that is of. */
  pairs: number
  /** 200 × uint32: pairs in each step of 0.01, from -1 up. */
  histogram: Uint32Array
  /** Why these pairs may not be strangers, a sentence without its full stop, and what the threshold is instead. */
  doubt: string | undefined
}

/**
 * The cosine at which strangers end, from pairs of rows that are drawn at random: nearly all of them are strangers where
 * there are many persons.
 *
 * Where the pairs look otherwise there is a `doubt`. If the upper half of the cosines is stretched, by many pairs of one
 * person, the threshold is `median` + 4.6 times the spread of the lower half, which these hardly touch. If it is stretched
 * to twice the lower, if there are few rows, no spread, too much of it, or a median that no strangers have, it is 0.5.
 *
 * Rows are read in ascending order, 131,072 of them at most, each once for each quarter of the pairs. Rows of zeros are
 * passed over.
 *
 * @throws OptionError; the reason of the signal
 */
export async function calibrate(
  embeddings: EmbeddingReader,
  options: CalibrateOptions = {},
): Promise<Calibration> {
  const pairs = checkPositiveInteger('pairs', options.pairs ?? 2_000_000)
  const seed = options.seed ?? 1
  if (!Number.isSafeInteger(seed)) throw new OptionError(`Expected an integer for seed but received ${seed}`)
  const random = seededRandom(seed)
  const samples = embeddings.rows <= SAMPLE_ROWS ? 1 : SAMPLES
  const cosines = new Float32Array(pairs)
  let count = 0
  let usable = 0
  for (let sample = 1; sample <= samples; sample++) {
    const { rows, values } = await sampleRows(embeddings, SAMPLE_ROWS, random, options.signal)
    const end = Math.floor((pairs * sample) / samples)
    count += await drawCosines(
      values,
      rows,
      embeddings.dim,
      cosines.subarray(count, end),
      random,
      options.signal,
    )
    usable += rows
  }
  return judge(cosines.subarray(0, count).sort(), usable)
}

/** Cosines of random pairs of different rows, or of all pairs where they are no more. @returns how many */
async function drawCosines(
  values: Float32Array,
  rows: number,
  dim: number,
  into: Float32Array,
  random: () => number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let count = 0
  const add = (a: number, b: number) => {
    into[count++] = dot(values, a * dim, values, b * dim, dim)
  }
  await hearSignal(signal)
  if ((rows * (rows - 1)) / 2 <= into.length) {
    for (let a = 0; a < rows; a++) for (let b = 0; b < a; b++) add(a, b)
    return count
  }
  while (count < into.length) {
    const a = Math.floor(random() * rows)
    const b = Math.floor(random() * (rows - 1))
    add(a, b < a ? b : b + 1)
    if (count % 2 ** 16 === 0) await hearSignal(signal)
  }
  return count
}

/** @param cosines ascending */
function judge(cosines: Float32Array, rows: number): Calibration {
  const median = quantile(cosines, 0.5)
  const spread = quantile(cosines, 0.8413) - median
  const below = median - quantile(cosines, 0.1587)
  const found = { median, spread, pairs: cosines.length, histogram: histogramOf(cosines) }
  const fallback = (doubt: string): Calibration => ({
    ...found,
    threshold: FALLBACK,
    doubt: `${doubt}, so that ${FALLBACK} is taken`,
  })
  if (rows < FEW_ROWS) return fallback(`${rows} usable embeddings are too few to tell where strangers end`)
  if (spread < 1e-6 || below < 1e-6) return fallback('Most pairs of embeddings have the same cosine')
  if (median > HIGHEST_MEDIAN)
    return fallback(
      `Half of the pairs of embeddings have a cosine above ${median.toFixed(2)}, as pictures of few persons do`,
    )
  const skew = spread / below
  if (skew > FEW_PERSONS_SKEW)
    return fallback('A sixth of the pairs of embeddings are of one person, as pictures of few persons are')
  const isStretched = skew > MOST_SKEW
  const threshold = median + SPREADS * (isStretched ? below : spread)
  if (threshold > HIGHEST_THRESHOLD)
    return fallback(`Pairs of embeddings spread so far that strangers would end at ${threshold.toFixed(2)}`)
  const doubt = isStretched
    ? 'Many pairs of embeddings are of one person, so that the lower half of the cosines is taken for strangers'
    : undefined
  return { ...found, threshold, doubt }
}

function histogramOf(cosines: Float32Array): Uint32Array {
  const counts = new Uint32Array(BINS)
  for (const cosine of cosines) {
    const bin = Math.floor(((cosine + 1) * BINS) / 2)
    counts[Math.min(BINS - 1, Math.max(0, bin))]!++
  }
  return counts
}

/** Between values, a line. */
function quantile(ascending: Float32Array, share: number): number {
  if (ascending.length === 0) return NaN
  const at = share * (ascending.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, ascending.length - 1)
  return ascending[low]! + (at - low) * (ascending[high]! - ascending[low]!)
}
