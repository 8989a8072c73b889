import {
  convolve,
  convolutionAttributes,
  elementwisePrelu,
  type FloatGraph,
  type Operators,
} from './operators.js'
import type { Convolution } from './network.js'

/** Smallest and largest number that a layer took or gave. */
export interface Range {
  min: number
  max: number
}

/** What each quantised convolution takes and gives, by what its tensors are called. */
export type ActivationRanges = ReadonlyMap<string, { input: Range; output: Range }>

/**
 * Weights are -64 … 64. Without VNNI, ONNX Runtime's kernels add two neighbouring products in 16 bits, saturating: 255 ·
 * 64 · 2 = 32,640 fits, so that every CPU computes the same sums. Of the ways to fit, this one is as fast as ±127 and
 * loses least: activations of seven bits lose more, and unsigned weights, exact throughout, are slower than float32 on
 * CPUs that have VNNI.
 */
const LARGEST_WEIGHT = 64

/** A bias is int32, of the scale of the products: where weights are next to nothing, it decides the scale. */
const LARGEST_BIAS = 2 ** 30

/**
 * Convolutions of 8-bit numbers: weights are signed, with one scale per output channel; activations unsigned, with one
 * range per layer. They are written as float32 convolutions between pairs of QuantizeLinear and DequantizeLinear, which
 * runtimes recognise and replace. What is between convolutions stays float32.
 */
export function quantizedOperators(graph: FloatGraph, ranges: ActivationRanges): Operators {
  return {
    convolve(x, conv) {
      const range = ranges.get(conv.name)
      if (!range) return convolve(graph, x, conv)
      const input = activationScale(range.input)
      const { weights, bias, scales } = quantizeWeights(conv, input.scale)
      const { inputs, outputs, kernel } = conv
      const dequantize = (values: string, scale: Float32Array, type: 'int8' | 'int32') => {
        const zero = type === 'int8' ? new Int8Array(outputs) : new Int32Array(outputs)
        const constants = [graph.constant('float32', [outputs], scale), graph.constant(type, [outputs], zero)]
        return graph.node('DequantizeLinear', [values, ...constants], { axis: 0 })
      }
      const product = graph.node(
        'Conv',
        [
          roundTrip(graph, x, input),
          dequantize(graph.constant('int8', [outputs, inputs, kernel, kernel], weights), scales, 'int8'),
          dequantize(
            graph.constant('int32', [outputs], bias),
            scales.map((scale) => scale * input.scale),
            'int32',
          ),
        ],
        convolutionAttributes(conv),
      )
      return roundTrip(graph, product, activationScale(range.output))
    },
    activate: (x, activation) => elementwisePrelu(graph, x, activation),
  }
}

/** real = scale · (quantised − zero) */
interface Quantization {
  scale: number
  zero: number
}

function activationScale({ min, max }: Range): Quantization {
  // Zero must be among the numbers: convolutions pad with it.
  const low = Math.min(min, 0)
  const high = Math.max(max, 0)
  const scale = Math.fround((high - low) / 255) || 1
  return { scale, zero: Math.round(-low / scale) }
}

function roundTrip(graph: FloatGraph, x: string, { scale, zero }: Quantization): string {
  const constants = [
    graph.constant('float32', [], Float32Array.of(scale)),
    graph.constant('uint8', [], Uint8Array.of(zero)),
  ]
  return graph.node('DequantizeLinear', [graph.node('QuantizeLinear', [x, ...constants]), ...constants])
}

function quantizeWeights({ weights, bias, outputs }: Convolution, inputScale: number) {
  const perOutput = weights.length / outputs
  const scales = Float32Array.from({ length: outputs }, (_, output) => {
    let largest = 0
    for (let i = output * perOutput; i < (output + 1) * perOutput; i++)
      largest = Math.max(largest, Math.abs(weights[i]!))
    const forBias = Math.abs(bias?.[output] ?? 0) / (LARGEST_BIAS * inputScale)
    return Math.max(largest / LARGEST_WEIGHT, forBias) || 1
  })
  return {
    scales,
    weights: Int8Array.from(weights, (value, at) => Math.round(value / scales[Math.floor(at / perOutput)]!)),
    bias: Int32Array.from(scales, (scale, output) =>
      Math.round((bias?.[output] ?? 0) / (scale * inputScale)),
    ),
  }
}
