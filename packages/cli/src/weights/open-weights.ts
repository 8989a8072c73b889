import { OptionError } from '@facekit/core'
import { openEmbedder, type Embedder } from '@facekit/embedder'
import { isTorchFile } from '@facekit/iresnet'
import type { Talk } from '../talk.js'
import { chooseIresnetOutput } from './choose-output.js'
import { convertWeights } from './convert-weights.js'
import { cached } from './model-cache.js'
import type { WeightsOptions } from './options.js'

/**
 * Opens an ONNX model as it is, or PyTorch weights as the model that they are turned into.
 *
 * @param input where the pictures for int8 come from if `calibration` does not say
 * @param cache whether to keep the converted model, and to take one kept before
 * @throws FacekitError
 */
export async function openWeights(
  options: WeightsOptions,
  input: string,
  cache: boolean,
  talk: Talk,
): Promise<Embedder> {
  const { weights, outputName, embDim, useL2Norm, precision, pixelMean, pixelStd, channels } = options
  if (!(await isTorchFile(weights))) {
    if (precision !== undefined && precision !== 'fp32') {
      throw new OptionError(`Expected PyTorch weights for --precision ${precision} but received ${weights}`)
    }
    return openEmbedder({
      model: weights,
      outputName,
      embDim,
      normalize: useL2Norm,
      pixels: { mean: pixelMean, std: pixelStd, channels },
    })
  }
  const bytes = await convertWeights(
    options,
    (network) => [chooseIresnetOutput(network, options, weights)],
    options.calibration ?? input,
    talk,
    cache ? (ingredients, make) => cached(ingredients, make, talk) : undefined,
  )
  return openEmbedder({ model: { bytes, name: weights } })
}
