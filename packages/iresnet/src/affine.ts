import type { BatchNorm, Convolution } from './network.js'

/** x · scale + shift per channel, in float64: what a batch norm computes at inference. */
export interface Affine {
  scale: Float64Array
  shift: Float64Array
}

export function affineOf({ weight, bias, mean, variance, epsilon }: BatchNorm): Affine {
  const scale = Float64Array.from(weight, (value, i) => value / Math.sqrt(variance[i]! + epsilon))
  return { scale, shift: Float64Array.from(bias, (value, i) => value - mean[i]! * scale[i]!) }
}

/** The convolution that gives affine(conv(x)). */
export function foldAfter(conv: Convolution, norm: BatchNorm): Convolution {
  const { scale, shift } = affineOf(norm)
  const { bias } = conv
  return {
    ...conv,
    weights: scaleRuns(conv.weights, scale, conv.inputs * conv.kernel ** 2),
    bias: Float32Array.from(shift, (value, output) => value + (bias?.[output] ?? 0) * scale[output]!),
  }
}

/** The convolution that gives conv(x · scale), exact whatever the padding. */
export function foldScaleBefore(conv: Convolution, scale: ArrayLike<number>): Convolution {
  return { ...conv, weights: scaleRuns(conv.weights, scale, conv.kernel ** 2) }
}

/** Each run of so many numbers times the next factor, which begin again after the last. */
function scaleRuns(values: Float32Array, factors: ArrayLike<number>, run: number): Float32Array {
  const scaled = new Float32Array(values.length)
  for (let start = 0, next = 0; start < values.length; start += run, next++) {
    if (next === factors.length) next = 0
    const factor = factors[next]!
    for (let at = start; at < start + run; at++) scaled[at] = values[at]! * factor
  }
  return scaled
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
