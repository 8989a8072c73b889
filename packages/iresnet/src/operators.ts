import { GraphBuilder } from '@facekit/onnx'
import { affineOf } from './affine.js'
import { IresnetError } from './errors.js'
import { toFloat16 } from './float16.js'
import type { Activation, BatchNorm, Convolution } from './network.js'

/** How the layers of a network are written. Each adds nodes after `x` and returns the name of their result. */
export interface Operators {
  convolve(x: string, conv: Convolution): string
  activate(x: string, activation: Activation): string
}

/** A graph whose numbers have one precision. */
export class FloatGraph extends GraphBuilder {
  readonly precision: 'float32' | 'float16'

  constructor(precision: 'float32' | 'float16' = 'float32') {
    super()
    this.precision = precision
  }

  /**
   * Adds a constant of that precision.
   *
   * @param of what it belongs to, for messages
   * @throws IresnetError `IRESNET_RANGE` for a number that the precision does not reach
   */
  float(shape: readonly number[], values: Float32Array, of: string): string {
    const largest = LARGEST[this.precision]
    for (let i = 0; i < values.length; i++) {
      if (!(Math.abs(values[i]!) <= largest)) this.#refuse(values[i]!, of)
    }
    return this.constant(this.precision, shape, this.precision === 'float32' ? values : toFloat16(values))
  }

  #refuse(value: number, of: string): never {
    throw new IresnetError(
      'IRESNET_RANGE',
      `Expected numbers of ${this.precision}, up to ${LARGEST[this.precision]}, in ${of} with the batch norms beside it but got ${value}${this.precision === 'float16' ? '; fix: fp32' : ''}`,
    )
  }
}

/** Numbers beyond become Infinity. */
const LARGEST = { float32: (2 - 2 ** -23) * 2 ** 127, float16: 65504 } as const

export function convolve(graph: FloatGraph, x: string, conv: Convolution): string {
  const { name, inputs, outputs, kernel, weights, bias } = conv
  const constants = [graph.float([outputs, inputs, kernel, kernel], weights, name)]
  if (bias) constants.push(graph.float([outputs], bias, name))
  return graph.node('Conv', [x, ...constants], convolutionAttributes(conv))
}

export function convolutionAttributes({ kernel, stride }: Convolution) {
  const pad = kernel === 3 ? 1 : 0
  return { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] }
}

/** What the operator adds to a variance unless it is told otherwise. */
const OPERATOR_EPSILON = 1e-5

/** @param of a map, N × channels × height × width, or a row, N × channels */
export function batchNorm(graph: FloatGraph, x: string, norm: BatchNorm, of: 'map' | 'row' = 'map'): string {
  const { name, weight, bias, mean, variance, epsilon } = norm
  if (graph.precision === 'float32') {
    const variances = variance.map((value) => value + (epsilon - OPERATOR_EPSILON))
    const parts = [weight, bias, mean, variances].map((values) => graph.float([values.length], values, name))
    return graph.node('BatchNormalization', [x, ...parts])
  }
  // Variances leave the range of float16; the quotients that they are for do not.
  const { scale, shift } = affineOf(norm)
  const [scales, shifts] = [scale, shift].map((values) =>
    graph.float(of === 'map' ? [values.length, 1, 1] : [values.length], Float32Array.from(values), name),
  )
  return graph.node('Add', [graph.node('Mul', [x, scales!]), shifts!])
}

/** PReLU as the operator of that name. */
export function prelu(graph: FloatGraph, x: string, activation: Activation): string {
  const { name, slopes, shift } = activation
  const perChannel = [slopes.length, 1, 1]
  const result = graph.node('PRelu', [x, graph.float(perChannel, slopes, name)])
  return shift ? graph.node('Add', [result, graph.float(perChannel, shift, name)]) : result
}

/** PReLU of operators that every provider runs, and runs fast: max(x, slope · x) where no slope is above 1. */
export function elementwisePrelu(graph: FloatGraph, x: string, activation: Activation): string {
  const { name, slopes, shift } = activation
  const perChannel = [slopes.length, 1, 1]
  const sloped = graph.node('Mul', [x, graph.float(perChannel, slopes, name)])
  const result = noneAboveOne(slopes)
    ? graph.node('Max', [x, sloped])
    : graph.node('Add', [
        sloped,
        graph.node('Mul', [graph.node('Relu', [x]), graph.float(perChannel, complement(slopes), name)]),
      ])
  return shift ? graph.node('Add', [result, graph.float(perChannel, shift, name)]) : result
}

/**
 * PReLU as relu((1 − slope) · x) + slope · x, scaled by depthwise convolutions: ONNX Runtime keeps these, and the sum,
 * in the blocked layout of the convolutions around them on a CPU, while its PRelu and Max first bring the map into
 * another layout and back.
 */
export function depthwisePrelu(graph: FloatGraph, x: string, activation: Activation): string {
  const { name, slopes, shift } = activation
  const channels = slopes.length
  const scale = (input: string, factors: Float32Array, bias?: Float32Array) => {
    const constants = [graph.float([channels, 1, 1, 1], factors, name)]
    if (bias) constants.push(graph.float([channels], bias, name))
    return graph.node('Conv', [input, ...constants], { kernel_shape: [1, 1], group: channels })
  }
  const positive = noneAboveOne(slopes)
    ? graph.node('Relu', [scale(x, complement(slopes))])
    : scale(graph.node('Relu', [x]), complement(slopes))
  return graph.node('Add', [positive, scale(x, slopes, shift)])
}

function noneAboveOne(slopes: Float32Array): boolean {
  return slopes.every((slope) => slope <= 1)
}

/** 1 − slope */
function complement(slopes: Float32Array): Float32Array {
  return slopes.map((slope) => 1 - slope)
}
