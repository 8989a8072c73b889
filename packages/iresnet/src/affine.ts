import type { BatchNorm, Convolution } from './network.js'

/** PyTorch's default, which both dialects use. */
const EPSILON = 1e-5

/** x · scale + shift per channel, in float64: what a batch norm computes at inference. */
export interface Affine {
  scale: Float64Array
  shift: Float64Array
}

export function affineOf({ weight, bias, mean, variance }: BatchNorm): Affine {
  const scale = Float64Array.from(weight, (value, i) => value / Math.sqrt(variance[i]! + EPSILON))
  return { scale, shift: Float64Array.from(bias, (value, i) => value - mean[i]! * scale[i]!) }
}

/** The convolution that gives affine(conv(x)). */
export function foldAfter(conv: Convolution, norm: BatchNorm | undefined): Convolution {
  if (!norm) return conv
  const { scale, shift } = affineOf(norm)
  const { weights, outputs, bias } = conv
  const perOutput = weights.length / outputs
  return {
    ...conv,
    weights: weights.map((value, at) => value * scale[Math.floor(at / perOutput)]!),
    bias: Float32Array.from(shift, (value, output) => value + (bias?.[output] ?? 0) * scale[output]!),
  }
}

/** The convolution that gives conv(x · scale), exact whatever the padding. */
export function foldScaleBefore(conv: Convolution, scale: ArrayLike<number>): Convolution {
  const { weights, inputs, kernel } = conv
  const taps = kernel ** 2
  return { ...conv, weights: weights.map((value, at) => value * scale[Math.floor(at / taps) % inputs]!) }
}

/** The convolution that gives conv(x · scale + shift); it must not pad, since padding comes after the shift. */
export function foldBefore(conv: Convolution, { scale, shift }: Affine): Convolution {
  const { weights, inputs, outputs, bias } = conv
  const constant = Float32Array.from({ length: outputs }, (_, output) => {
    let sum = bias?.[output] ?? 0
    for (let input = 0; input < inputs; input++) sum += weights[output * inputs + input]! * shift[input]!
    return sum
  })
  return { ...foldScaleBefore(conv, scale), bias: constant }
}

/** The convolution that gives conv(x) + shift. */
export function addBias(conv: Convolution, shift: ArrayLike<number>): Convolution {
  const bias = Float32Array.from({ length: conv.outputs }, (_, i) => (conv.bias?.[i] ?? 0) + shift[i]!)
  return { ...conv, bias }
}
