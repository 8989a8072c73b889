import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { FacekitError, hashFile } from '@facekit/core'
import { openEmbedder } from '@facekit/embedder'
import {
  buildIresnet,
  loadIresnet,
  magnitudeModel,
  openStateDict,
  type IresnetOutput,
  type Network,
  type Precision,
} from '@facekit/iresnet'
import { readModel } from '@facekit/onnx'
import { ownVersion } from '../own-version.js'
import type { Talk } from '../talk.js'
import {
  calibrationPictures,
  compareModels,
  embedAll,
  measureRanges,
  type CalibrationPictures,
} from './calibrate.js'
import type { PictureSource } from './first-pictures.js'
import { compareWithFull, expectHalfHolds, trialPictures } from './half-precision.js'
import type { FilledWeightsOptions, WeightsOptions } from './options.js'

/** Keys of a model's metadata: how well its int8 embeddings agree with the fp32 ones, to be said, and their mean cosine. */
const AGREEMENT = 'facekit.int8'
const MEAN_COSINE = 'facekit.int8_cosine'

/** Less is no rounding: something in the network does not bear eight bits. */
const LEAST_COSINE = 0.9

/** Keeps a model under what it was made from; the default keeps nothing. */
type Keep = (ingredients: unknown, make: () => Promise<Uint8Array>) => Promise<Uint8Array>

export interface ConversionContext {
  /** Pictures that int8 is calibrated with, and fp16 compared. */
  pictures: PictureSource | undefined
  /** Whether to compare a model in fp16 with the one in fp32: for what is not opened here, where that is done. */
  compareHalf?: boolean
  talk: Talk
  keep?: Keep
  /** Stops the work between its steps, with its reason. */
  signal?: AbortSignal | undefined
}

/**
 * Turns PyTorch weights into an ONNX model.
 *
 * @param outputsOf what the model gives
 * @throws FacekitError
 */
export async function convertWeights(
  options: FilledWeightsOptions,
  outputsOf: (network: Network) => readonly IresnetOutput[],
  { pictures: from, compareHalf = false, talk, keep = async (_, make) => make(), signal }: ConversionContext,
): Promise<Uint8Array> {
  const { weights, useL2Norm, precision = 'fp32' } = options
  const before = await markOf(weights)
  const network = await readNetwork(options, talk, signal)
  const outputs = outputsOf(network)
  const source = (await hashFile(weights, { signal })).hash.digest('hex')
  // A model of the file before would be kept as that of the file after.
  if ((await markOf(weights)) !== before) {
    throw new FacekitError(
      'WEIGHTS_CHANGED',
      `${weights} was replaced or written to while it was read. Run again when nothing writes there.`,
    )
  }
  const pictures = precision === 'int8' ? await calibrationPictures(from, network, signal) : undefined
  const build = { outputs, normalize: useL2Norm, metadata: { 'facekit.source_sha256': source } }
  const make = async () => {
    if (pictures) return buildInt8(network, pictures, build, signal)
    if (precision === 'fp16' && compareHalf)
      talk.info(`fp16: ${await compareHalfOf(network, outputs, from, signal)}`)
    return buildIresnet(network, { ...build, precision })
  }

  // All that the bytes of the model follow from: whatever is missing here gives one model for another's options.
  const { pixelMean, pixelStd, channels, size, bnEps } = options
  const ingredients = {
    facekit: ownVersion(),
    source,
    outputs,
    useL2Norm,
    precision,
    pixels: { mean: pixelMean, std: pixelStd, channels },
    size,
    bnEps,
    pictures: hashPictures(pictures),
  }
  const bytes = await keep(ingredients, make)
  const { [AGREEMENT]: agreement, [MEAN_COSINE]: meanCosine } = readModel(bytes).metadata
  if (agreement) {
    if (Number(meanCosine) >= LEAST_COSINE) talk.info(`int8: ${agreement}`)
    else talk.warn(`int8 gives other embeddings: ${agreement}; use --precision fp32`)
  }
  signal?.throwIfAborted()
  return bytes
}

/** Another one is another file, or one that was written to. */
async function markOf(file: string): Promise<string | undefined> {
  const stats = await stat(file, { bigint: true }).catch(() => undefined)
  return stats && [stats.dev, stats.ino, stats.size, stats.mtimeNs].join(' ')
}

async function readNetwork(
  { weights, pixelMean, pixelStd, channels, size, bnEps }: WeightsOptions,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<Network> {
  const stateDict = await openStateDict(weights)
  try {
    const pixels = { mean: pixelMean, std: pixelStd, channels }
    const onNote = (line: string) => talk.info(line)
    return await loadIresnet(stateDict, { ...pixels, size, epsilon: bnEps, onNote, signal })
  } finally {
    await stateDict.close()
  }
}

async function buildInt8(
  network: Network,
  { calibration, heldOut }: CalibrationPictures,
  build: { outputs: readonly IresnetOutput[]; normalize: boolean; metadata: Record<string, string> },
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const int8 = { precision: 'int8', ranges: await measureRanges(network, calibration, signal) } as const
  const [full, quantized] = [buildIresnet(network), buildIresnet(network, int8)]
  const { mean, worst } = await compareModels(full, quantized, heldOut, signal)
  const agreement = `calibrated on ${calibration.length} images; cosine to fp32 on ${heldOut.length} others: mean ${mean.toFixed(4)}, worst ${worst.toFixed(4)}`
  return buildIresnet(network, {
    ...build,
    ...int8,
    metadata: { ...build.metadata, [AGREEMENT]: agreement, [MEAN_COSINE]: String(mean) },
  })
}

/**
 * Whether fp16 gives the numbers of fp32, here and where float16 is all that there is: on most CPUs, what is between the
 * layers is float32. Features are compared where they are wanted, since the embedding alone folds their norm away.
 *
 * @throws FacekitError `FP16_EMBEDDINGS`
 */
async function compareHalfOf(
  network: Network,
  wanted: readonly IresnetOutput[],
  from: PictureSource | undefined,
  signal: AbortSignal | undefined,
): Promise<string> {
  const outputs = [wanted.every((name) => name === 'embedding') ? 'embedding' : 'features_embedding'] as const
  // First of all: it refuses what float16 does not reach, by name.
  const halfModel = buildIresnet(network, { outputs, precision: 'fp16' })
  const trial = await trialPictures(from, network, signal)
  expectHalfHolds(await embedAll(magnitudeModel(network, outputs), trial.pictures, signal), trial)
  // A few pictures: sessions on every core would take longer to start than they save.
  const open = async (bytes: Uint8Array, name: Precision) =>
    openEmbedder({ model: { bytes, name }, threads: 1 })
  const half = await open(halfModel, 'fp16')
  const openFull = async () => open(buildIresnet(network, { outputs }), 'fp32')
  return compareWithFull(half, openFull, trial, signal).finally(async () => half.close())
}

function hashPictures(pictures: CalibrationPictures | undefined): string | undefined {
  if (!pictures) return undefined
  const hash = createHash('sha256')
  for (const picture of [...pictures.calibration, ...pictures.heldOut]) hash.update(picture)
  return hash.digest('hex')
}
