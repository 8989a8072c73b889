import { buildModel } from '@facekit/onnx'
import { IresnetError } from './errors.js'
import { foldNorms } from './fold.js'
import type { ActivationRanges, Range } from './int8.js'
import type { Network } from './network.js'
import { convolve, elementwisePrelu, FloatGraph, type Operators } from './operators.js'
import { PIXELS, writeBlocks } from './write-network.js'

/** A model that tells how large the activations of a network get. */
export interface Calibration {
  /** Takes `pixels` as the network does, gives `ranges`: N × numbers float32. */
  model: Uint8Array
  /**
   * @param rows n × numbers float32, row-major: what the model gave for n pictures
   * @returns what `buildIresnet` takes
   * @throws IresnetError `IRESNET_RANGE` for activations that are not finite
   */
  rangesOf(rows: Float32Array): ActivationRanges
}

/**
 * Builds the model that measures what an int8 model must know. Run it on some hundred pictures of the kind that will be
 * embedded.
 */
export function calibrationModel(network: Network): Calibration {
  const graph = new FloatGraph()
  /** Of the convolutions. */
  const names: string[] = []
  const measured: string[] = []
  const measure = (x: string) => {
    for (const reduce of ['ReduceMin', 'ReduceMax']) {
      const extreme = graph.node(reduce, [x], { axes: [1, 2, 3], keepdims: 0 })
      measured.push(graph.node('Unsqueeze', [extreme, graph.integers(1)]))
    }
  }
  const operators: Operators = {
    convolve(x, conv) {
      const result = convolve(graph, x, conv)
      names.push(conv.name)
      measure(x)
      measure(result)
      return result
    },
    activate: (x, activation) => elementwisePrelu(graph, x, activation),
  }
  writeBlocks(graph, foldNorms(network, 0), operators)
  graph.node('Concat', measured, { axis: 1 }, 'ranges')

  const numbers = measured.length
  const { height, width } = network
  const model = buildModel({
    name: 'calibration',
    inputs: [{ name: PIXELS, elementType: 'uint8', shape: ['N', height, width, 3] }],
    outputs: [{ name: 'ranges', elementType: 'float32', shape: ['N', numbers] }],
    nodes: graph.nodes,
    initializers: graph.initializers,
  })
  return {
    model,
    rangesOf(rows) {
      const extremes = extremesOf(rows, numbers)
      const wrong = extremes.findIndex((extreme) => !Number.isFinite(extreme))
      if (wrong !== -1) {
        throw new IresnetError(
          'IRESNET_RANGE',
          `Expected finite activations but those of ${names[Math.floor(wrong / 4)]} reach ${extremes[wrong]}: the weights leave the range of float32`,
        )
      }
      const range = (at: number): Range => ({
        min: roundOutwards(extremes[at]!),
        max: roundOutwards(extremes[at + 1]!),
      })
      return new Map(names.map((name, i) => [name, { input: range(4 * i), output: range(4 * i + 2) }]))
    },
  }
}

/**
 * The smallest of every even column, the largest of every odd one. Means over the pictures in their place give typical
 * pictures a little more precision and ruin unusual ones.
 */
function extremesOf(rows: Float32Array, columns: number): Float64Array {
  const extremes = Float64Array.from({ length: columns }, (_, column) => rows[column]!)
  rows.forEach((value, at) => {
    const column = at % columns
    const pick = column % 2 === 0 ? Math.min : Math.max
    extremes[column] = pick(extremes[column]!, value)
  })
  return extremes
}

const STEPS_PER_OCTAVE = 64

/**
 * Up to 1 % further out: the last bits of an extreme depend on how a CPU adds up float32 numbers, and the model that is
 * built must not. The grid is logarithmic because round numbers would put scales into simple ratios, and many a number
 * halfway between two quantised ones, where last bits decide again.
 */
function roundOutwards(extreme: number): number {
  if (extreme === 0) return 0
  const steps = Math.ceil(Math.log2(Math.abs(extreme)) * STEPS_PER_OCTAVE)
  return Math.sign(extreme) * 2 ** (steps / STEPS_PER_OCTAVE)
}
