/** Batch normalisation at inference: weight · (x − mean) / √(variance + epsilon) + bias, per channel. */
export interface BatchNorm {
  /** What its tensors are called, for messages. */
  name: string
  /** Each channels × float32. */
  weight: Float32Array
  bias: Float32Array
  mean: Float32Array
  variance: Float32Array
  epsilon: number
}

/** A square convolution; 3×3 ones pad with a zero on each side, 1×1 ones do not pad. */
export interface Convolution {
  /** What its tensors are called, for messages. */
  name: string
  inputs: number
  outputs: number
  kernel: 1 | 3
  stride: number
  /** outputs × inputs × kernel × kernel float32, row-major. */
  weights: Float32Array
  /** outputs × float32. */
  bias?: Float32Array
}

/** Parametric ReLU: x where it is positive, slope · x where it is not, plus a shift. */
export interface Activation {
  /** What its tensors are called, for messages. */
  name: string
  /** channels × float32. */
  slopes: Float32Array
  /** channels × float32. */
  shift?: Float32Array
}

/** What stands in for the identity where a block changes the shape: norm, mean over 2×2, convolution, norm. */
export interface Shortcut {
  normBefore?: BatchNorm
  /** Whether a mean over 2×2 with stride 2 stands before the convolution. */
  pools: boolean
  conv: Convolution
  normAfter?: BatchNorm
}

/** norm3(conv2(activation(norm2(conv1(norm1(x)))))) + shortcut(x) */
export interface Block {
  norm1?: BatchNorm
  conv1: Convolution
  norm2?: BatchNorm
  activation: Activation
  conv2: Convolution
  norm3?: BatchNorm
  shortcut?: Shortcut
}

export interface Head {
  /** Its result, flattened in the order channel, row, column, are the features. */
  featuresNorm: BatchNorm
  /** Whether the linear layer takes the features; if not, what the last block gives, `featuresNorm` being folded. */
  linearTakes: 'features' | 'blocks'
  /** What the tensors of the linear layer are called, for messages. */
  name: string
  /** dim × features float32, row-major. */
  weights: Float32Array
  /** dim × float32. */
  bias: Float32Array
  embeddingNorm?: BatchNorm
}

/** An iresnet with its weights. Norms are missing where they have been folded into their neighbours. */
export interface Network {
  dialect: 'revised' | 'arcface'
  /** Blocks of each stage: 3, 4, 14, 3 for an iresnet50. */
  depths: readonly number[]
  height: number
  width: number
  /** Length of an embedding. */
  dim: number
  /** Numbers in the features: the last width times the last map's height and width. */
  features: number
  /** Per channel of the picture, in 0–255 units: (pixel − mean) / std enters the stem. */
  pixels: { mean: readonly number[]; std: readonly number[] }
  stem: { conv: Convolution; norm?: BatchNorm; activation: Activation }
  /** The blocks of all stages, one after the other. */
  blocks: readonly Block[]
  head: Head
}

/** Output channels of the stem and of each stage. */
export function widthsOf({ stem, depths, blocks }: Network): number[] {
  let end = 0
  const ofStages = depths.map((depth) => blocks[(end += depth) - 1]!.conv2.outputs)
  return [stem.conv.outputs, ...ofStages]
}
