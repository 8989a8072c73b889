import type { Precision } from '@facekit/iresnet'
import type { Filled, WEIGHTS_DEFAULTS } from '../defaults.js'

/** What decides how weights become a model. */
export interface WeightsOptions {
  /** An ONNX model, or PyTorch weights of an iresnet, safetensors too. */
  weights: string
  /** Length of an embedding; the model's if undefined. */
  embDim?: number | undefined
  /** Output of the model that holds the embedding. */
  outputName?: string | undefined
  /** Whether each embedding is divided by its L2 norm; false if left out. */
  useL2Norm?: boolean | undefined
  /** Of PyTorch weights; fp32 if undefined. */
  precision?: Precision | undefined
  /** Folder or list of pictures to calibrate int8 with. */
  calibration?: string | undefined
  /** Subtracted from each channel, in 0–255 units. */
  pixelMean?: readonly number[] | undefined
  /** Each channel is divided by it. */
  pixelStd?: readonly number[] | undefined
  /** Order of the channels that the model expects; rgb if undefined. */
  channels?: 'rgb' | 'bgr' | undefined
  /** Of the images, in pixels, for a model that leaves it free, or weights that take others than 112×112. */
  size?: { width: number; height: number } | undefined
  /** What the batch norms of PyTorch weights add to their variances; that of the weights' layout if undefined. */
  bnEps?: number | undefined
}

/** With what was left out. */
export type FilledWeightsOptions = Filled<WeightsOptions, typeof WEIGHTS_DEFAULTS>
