import { OptionError, pixelNormalization, type Device } from '@facekit/core'
import { openEmbedder, type Embedder, type EmbedderOptions } from '@facekit/embedder'
import { isTorchFile, type Precision } from '@facekit/iresnet'
import type { Talk } from '../talk.js'
import { chooseIresnetOutput } from './choose-output.js'
import { convertWeights } from './convert-weights.js'
import { pictureSource, type PictureSource } from './first-pictures.js'
import { openHalfPrecision } from './half-precision.js'
import { openInt8 } from './int8.js'
import { cached } from './model-cache.js'
import type { FilledWeightsOptions } from './options.js'

export interface OpenWeightsOptions extends FilledWeightsOptions {
  /** Pictures to calibrate and to compare with; undefined where they can be read only once. */
  pictures: PictureSource | undefined
  /** Whether to keep the converted model, and to take one kept before. */
  cache: boolean
  devices: readonly Device[]
  /** Images per forward pass on devices other than the CPU. */
  deviceBatch?: number | undefined
  /** Stops conversion, calibration and comparison, with its reason. */
  signal?: AbortSignal | undefined
}

/**
 * Opens an ONNX model as it is, or PyTorch weights as the model that they are turned into: in fp16 on devices other than
 * the CPU, if the embeddings agree with those in fp32, unless a precision is asked for. fp16 that is asked for must
 * agree.
 *
 * @throws FacekitError
 */
export async function openWeights(options: OpenWeightsOptions, talk: Talk): Promise<Embedder> {
  const { weights, precision, devices, deviceBatch } = options
  const running = {
    devices,
    ...(deviceBatch !== undefined && { deviceBatch }),
    onSmallerBatch: (images: number) =>
      talk.warn(`The memory of a device does not suffice: going on with ${images} images at once`),
    onWarning: (line: string) => talk.warn(line),
  }
  if (!(await isTorchFile(weights))) {
    if (precision !== undefined && precision !== 'fp32') {
      throw new OptionError(`Expected PyTorch weights for --precision ${precision} but received ${weights}`)
    }
    if (options.bnEps !== undefined)
      throw new OptionError(`Expected PyTorch weights for --bn-eps but received ${weights}`)
    const { outputName, embDim, useL2Norm, pixelMean, pixelStd, channels, size } = options
    const pixels = { mean: pixelMean, std: pixelStd, channels }
    return openEmbedder({
      ...running,
      model: weights,
      outputName,
      embDim,
      normalize: useL2Norm,
      pixels,
      size,
    })
  }
  const { pixelMean: mean, pixelStd: std, channels = 'rgb' } = options
  const embedder = await openConverted(options, running, talk)
  // The graph that the weights were turned into does it, as it was told.
  return { ...embedder, pixels: { ...pixelNormalization({ mean, std }), channels } }
}

async function openConverted(
  options: OpenWeightsOptions,
  running: Partial<EmbedderOptions>,
  talk: Talk,
): Promise<Embedder> {
  const { weights, precision, devices, signal } = options
  const calibration = pictureSource(options.calibration)
  const once = sayingOnce(talk)
  const convert = async (wanted: Precision) =>
    convertWeights(
      { ...options, precision: wanted },
      (network) => [chooseIresnetOutput(network, options, weights)],
      {
        pictures: calibration ?? options.pictures,
        talk: once,
        signal,
        ...(options.cache && { keep: (ingredients, make) => cached(ingredients, make, talk) }),
      },
    )
  const open = async (bytes: Uint8Array) => openEmbedder({ ...running, model: { bytes, name: weights } })
  const openOnCpu = async (bytes: Uint8Array) => openEmbedder({ model: { bytes, name: weights } })

  const onGpu = devices.some(({ provider }) => provider !== 'cpu')
  if (precision === 'int8' && !onGpu)
    return openInt8({ int8: await convert('int8'), full: await convert('fp32'), open, talk, signal })
  if (precision === 'fp16' || (precision === undefined && onGpu)) {
    const pictures = options.pictures ?? calibration
    const required = precision === 'fp16'
    return openHalfPrecision({ required, convert, pictures, open, openOnCpu, talk, signal })
  }
  return open(await convert(precision ?? 'fp32'))
}

/** What is to be known of weights is said once, however many models are made of them. */
function sayingOnce(talk: Talk): Talk {
  const said = new Set<string>()
  const info = (line: string) => {
    if (!said.has(line)) talk.info(line)
    said.add(line)
  }
  return { ...talk, info }
}
