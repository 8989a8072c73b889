import { FacekitError } from '@facekit/core'
import type { Embedder } from '@facekit/embedder'
import type { Precision } from '@facekit/iresnet'
import type { Talk } from '../talk.js'
import { embedPictures, lowestCosine } from './compare.js'
import { firstPictures, type PictureSource } from './first-pictures.js'
import { madeUpPictures } from './made-up-pictures.js'

/** Enough to see whether numbers left the range of float16. */
const PICTURES = 8

/** Rounding alone leaves 0.9999 and more. */
const LOWEST_COSINE = 0.999

const LARGEST_HALF = 65504

/** Why fp16 cannot be had: the device, the embeddings, the weights. All else is no matter of precision. */
const REASONS = ['FP16_DEVICE', 'FP16_EMBEDDINGS', 'IRESNET_RANGE']

export interface HalfPrecisionOptions {
  /** Whether fp16 was asked for: nothing else will do then. */
  required: boolean
  convert: (precision: Precision) => Promise<Uint8Array>
  /** Pictures to compare with; undefined where they can be read only once. */
  pictures: PictureSource | undefined
  /** On the devices. */
  open: (model: Uint8Array) => Promise<Embedder>
  /** On the CPU: of two WebGPU sessions in two threads one would spoil the other. */
  openOnCpu: (model: Uint8Array) => Promise<Embedder>
  talk: Talk
  signal: AbortSignal | undefined
}

/**
 * Opens a model in fp16 if the device runs that and it embeds the first pictures as fp32 does, else in fp32.
 *
 * @throws FacekitError `FP16_DEVICE`, `FP16_EMBEDDINGS`, `IRESNET_RANGE` instead of the latter where fp16 is required
 */
export async function openHalfPrecision(options: HalfPrecisionOptions): Promise<Embedder> {
  const { required, convert, open, talk } = options
  try {
    return await openCompared(options)
  } catch (error) {
    if (required || !(error instanceof FacekitError && REASONS.includes(error.code))) throw error
    talk.warn(`Running in fp32: ${error.message}`)
    return open(await convert('fp32'))
  }
}

async function openCompared(options: HalfPrecisionOptions): Promise<Embedder> {
  const { convert, open, openOnCpu, pictures, talk, signal } = options
  const model = await convert('fp16')
  const half = await open(model).catch((cause: Error) => {
    const reason = cause.message.split('\n')[0]
    throw new FacekitError('FP16_DEVICE', `the device does not run fp16 (${reason})`, { cause })
  })
  try {
    const openFull = async () => openOnCpu(await convert('fp32'))
    const trial = await trialPictures(pictures, half, signal)
    talk.info(`Running in fp16: ${await compareWithFull(half, openFull, trial, signal)}`)
    return half
  } catch (error) {
    await half.close()
    throw error
  }
}

/** What to try a model on. */
export interface TrialPictures {
  pictures: readonly Uint8Array[]
  /** For messages. */
  which: string
}

/** The first pictures of an input or, without one, made-up ones. */
export async function trialPictures(
  source: PictureSource | undefined,
  size: { width: number; height: number },
  signal: AbortSignal | undefined,
): Promise<TrialPictures> {
  const first = source === undefined ? [] : await firstPictures(source, PICTURES, size, signal)
  return first.length > 0
    ? { pictures: first, which: 'the first images' }
    : { pictures: madeUpPictures(size), which: 'made-up images' }
}

/**
 * Compares the embeddings of a model in fp16 with those in fp32.
 *
 * @returns how much they agree, to be said
 * @throws FacekitError `FP16_EMBEDDINGS` where they do not
 */
export async function compareWithFull(
  half: Embedder,
  openFull: () => Promise<Embedder>,
  { pictures, which }: TrialPictures,
  signal: AbortSignal | undefined,
): Promise<string> {
  const ofHalf = await embedPictures(half, pictures, signal)
  if (!ofHalf.every(Number.isFinite)) throw disagreement(`embeddings with NaN or Infinity on ${which}`)
  const full = await openFull()
  const ofFull = await embedPictures(full, pictures, signal).finally(async () => full.close())
  const lowest = lowestCosine(ofHalf, ofFull, half.dim)
  if (lowest >= LOWEST_COSINE) return `cosine to fp32 on ${which} at least ${lowest.toFixed(5)}`
  throw disagreement(`other embeddings than fp32, with a cosine of ${lowest.toFixed(3)} on ${which}`)
}

/**
 * @param magnitudes of all that the network computes: see `magnitudeModel`
 * @throws FacekitError `FP16_EMBEDDINGS` where float16 does not reach so far
 */
export function expectHalfHolds(magnitudes: Float32Array, { which }: TrialPictures): void {
  const largest = magnitudes.reduce((most, value) => Math.max(most, value), 0)
  if (!(largest <= LARGEST_HALF))
    throw disagreement(`NaN or Infinity on ${which}, where numbers between its layers reach ${largest}`)
}

function disagreement(what: string): FacekitError {
  return new FacekitError('FP16_EMBEDDINGS', `fp16 gives ${what}; --precision fp32 does not`)
}
