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

/** A mean over kernel × kernel at every second row and column; of kernel 1, what stands there. */
export interface Pool {
  kernel: 1 | 2
}

/** x · sigmoid(expand(relu(reduce(mean of x)))): one factor per channel, of a picture as a whole. */
export interface SqueezeExcitation {
  /** 1×1, to fewer channels and back. */
  reduce: Convolution
  expand: Convolution
}

/** All that networks are made of; each takes a map and gives one. */
export type Layer =
  | { norm: BatchNorm }
  | { conv: Convolution }
  | { prelu: Activation }
  | { pool: Pool }
  | { se: SqueezeExcitation }

/** residual(x) + shortcut(x), each its layers one after the other; a shortcut of none is x itself. */
export interface Block {
  residual: readonly Layer[]
  shortcut: readonly Layer[]
}

/** What makes an embedding of what the last block gives. */
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

/**
 * A network with its weights: stem, blocks, head. Norms are missing where they have been folded into their neighbours.
 */
export interface Network {
  /** What its tensors are called, and in which order its layers stand. */
  dialect: 'revised' | 'arcface' | 'ir' | 'adaface'
  /** Blocks of each stage: 3, 4, 14, 3 for an iresnet50. Each stage halves the map in its first block. */
  depths: readonly number[]
  height: number
  width: number
  /** Length of an embedding. */
  dim: number
  /** Numbers in the features: the last width times the last map's height and width. */
  features: number
  /** Per channel of the picture, in 0–255 units: (pixel − mean) / std enters the stem. */
  pixels: { mean: readonly number[]; std: readonly number[] }
  stem: readonly Layer[]
  /** The blocks of all stages, one after the other. */
  blocks: readonly Block[]
  head: Head
}

/** Output channels of the stem and of each stage. */
export function widthsOf({ stem, depths, blocks }: Network): number[] {
  let end = 0
  return [stem, ...depths.map((depth) => blocks[(end += depth) - 1]!.residual)].map(widthOf)
}

/** Channels that the last convolution gives. */
export function widthOf(layers: readonly Layer[]): number {
  const convolutions = layers.flatMap((layer) => ('conv' in layer ? [layer.conv] : []))
  return convolutions.at(-1)!.outputs
}
