import { stat, writeFile } from 'node:fs/promises'
import { OptionError, writeAtomically } from '@facekit/core'
import type { IresnetOutput } from '@facekit/iresnet'
import { readModel } from '@facekit/onnx'
import { WEIGHTS_DEFAULTS, withDefaults } from '../defaults.js'
import { SILENT, type Talk } from '../talk.js'
import { chooseIresnetOutput } from '../weights/choose-output.js'
import { convertWeights } from '../weights/convert-weights.js'
import { pictureSource } from '../weights/first-pictures.js'
import type { WeightsOptions } from '../weights/options.js'

/** What `convert` is asked for. What has a default may be left out. */
export interface ConvertOptions extends Omit<WeightsOptions, 'outputName'> {
  /** The ONNX file to write. */
  model: string
  /** What the model gives; what `embDim` asks for if undefined. */
  outputs?: readonly IresnetOutput[] | undefined
}

/** What `convert` wrote. */
export interface ConvertSummary {
  model: string
  dialect: string
  /** Blocks of each stage. */
  depths: string
  /** Output channels of the stem and of each stage. */
  widths: string
  /** Of the pictures that the model takes: width × height. */
  size: string
  /** Epsilon of the batch norms. */
  bnEps: number
  bytes: number
  seconds: number
}

/**
 * Makes an ONNX model of PyTorch weights of an iresnet.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError; the reason of the signal
 */
export async function convert(
  given: ConvertOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<ConvertSummary> {
  const startMs = Date.now()
  const options = withDefaults(given, WEIGHTS_DEFAULTS)
  const { weights, model, outputs, embDim } = options
  if (outputs !== undefined && embDim !== undefined)
    throw new OptionError('Expected --outputs or --emb-dim, not both')
  if (await isSameFile(weights, model))
    throw new OptionError(
      `Expected another file for the model than the weights but received ${model} for both`,
    )
  const bytes = await convertWeights(
    options,
    (network) => outputs ?? [chooseIresnetOutput(network, options, weights)],
    { pictures: pictureSource(options.calibration), compareHalf: true, talk, signal },
  )
  await writeAtomically(model, async ({ path }) => writeFile(path, bytes))
  const { inputs, metadata } = readModel(bytes)
  const [, height, width] = inputs[0]?.shape ?? []
  return {
    model,
    dialect: metadata['facekit.dialect'] ?? '',
    depths: metadata['facekit.depths'] ?? '',
    widths: metadata['facekit.widths'] ?? '',
    size: `${width}×${height}`,
    bnEps: Number(metadata['facekit.bn_eps']),
    bytes: bytes.length,
    seconds: (Date.now() - startMs) / 1000,
  }
}

/** Under whatever names. */
async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(async (file) => stat(file).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}
