import { createHash } from 'node:crypto'
import { buildIresnet, loadIresnet, openStateDict, type IresnetOutput, type Network } from '@facekit/iresnet'
import { readModel } from '@facekit/onnx'
import { ownVersion } from '../own-version.js'
import type { Talk } from '../talk.js'
import { calibrationPictures, compareModels, measureRanges, type CalibrationPictures } from './calibrate.js'
import { hashFile } from './model-cache.js'
import type { WeightsOptions } from './options.js'

/** Key of a model's metadata: how well its int8 embeddings agree with the fp32 ones. */
const AGREEMENT = 'facekit.int8'

/** Keeps a model under what it was made from; the default keeps nothing. */
type Keep = (ingredients: unknown, make: () => Promise<Uint8Array>) => Promise<Uint8Array>

/**
 * Turns PyTorch weights into an ONNX model.
 *
 * @param outputsOf what the model gives
 * @param calibrationInput where the pictures for int8 come from
 * @throws FacekitError
 */
export async function convertWeights(
  options: WeightsOptions,
  outputsOf: (network: Network) => readonly IresnetOutput[],
  calibrationInput: string | undefined,
  talk: Talk,
  keep: Keep = async (_, make) => make(),
): Promise<Uint8Array> {
  const { weights, useL2Norm, precision = 'fp32' } = options
  const network = await readNetwork(options)
  const outputs = outputsOf(network)
  const pictures = precision === 'int8' ? await calibrationPictures(calibrationInput, network) : undefined
  const source = await hashFile(weights)
  const build = { outputs, normalize: useL2Norm, metadata: { 'facekit.source_sha256': source } }
  const make = async () =>
    pictures ? buildInt8(network, pictures, build) : buildIresnet(network, { ...build, precision })

  // All that the bytes of the model follow from: whatever is missing here gives one model for another's options.
  const { pixelMean, pixelStd, channels } = options
  const ingredients = {
    facekit: ownVersion(),
    source,
    outputs,
    useL2Norm,
    precision,
    pixels: { mean: pixelMean, std: pixelStd, channels },
    pictures: hashPictures(pictures),
  }
  const bytes = await keep(ingredients, make)
  const agreement = readModel(bytes).metadata[AGREEMENT]
  if (agreement) talk.info(`int8: ${agreement}`)
  return bytes
}

async function readNetwork({ weights, pixelMean, pixelStd, channels }: WeightsOptions): Promise<Network> {
  const stateDict = await openStateDict(weights)
  try {
    return await loadIresnet(stateDict, { mean: pixelMean, std: pixelStd, channels })
  } finally {
    await stateDict.close()
  }
}

async function buildInt8(
  network: Network,
  { calibration, heldOut }: CalibrationPictures,
  build: { outputs: readonly IresnetOutput[]; normalize: boolean; metadata: Record<string, string> },
): Promise<Uint8Array> {
  const int8 = { precision: 'int8', ranges: await measureRanges(network, calibration) } as const
  const { mean, worst } = await compareModels(buildIresnet(network), buildIresnet(network, int8), heldOut)
  const agreement = `calibrated on ${calibration.length} images; cosine to fp32 on ${heldOut.length} others: mean ${mean.toFixed(4)}, worst ${worst.toFixed(4)}`
  return buildIresnet(network, {
    ...build,
    ...int8,
    metadata: { ...build.metadata, [AGREEMENT]: agreement },
  })
}

function hashPictures(pictures: CalibrationPictures | undefined): string | undefined {
  if (!pictures) return undefined
  const hash = createHash('sha256')
  for (const picture of [...pictures.calibration, ...pictures.heldOut]) hash.update(picture)
  return hash.digest('hex')
}
