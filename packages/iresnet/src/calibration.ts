import { buildModel } from '@facekit/onnx'
import { foldNorms } from './fold.js'
import { isQuantized, type ActivationRanges, type Range } from './int8.js'
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
   */
  rangesOf(rows: Float32Array): ActivationRanges
}

/**
 * Builds the model that measures what an int8 model must know. Run it on some hundred pictures of the kind that will be
 * embedded.
 */
export function calibrationModel(network: Network): Calibration {
  const graph = new FloatGraph()
  const layers: string[] = []
  const extremes: string[] = []
  const measure = (x: string) => {
    for (const reduce of ['ReduceMin', 'ReduceMax']) {
      const extreme = graph.node(reduce, [x], { axes: [1, 2, 3], keepdims: 0 })
      extremes.push(graph.node('Unsqueeze', [extreme, graph.integers(1)]))
    }
  }
  const operators: Operators = {
    convolve(x, conv, layer) {
      const result = convolve(graph, x, conv)
      if (isQuantized(layer)) {
        layers.push(layer)
        measure(x)
        measure(result)
      }
      return result
    },
    activate: (x, activation) => elementwisePrelu(graph, x, activation),
  }
  writeBlocks(graph, foldNorms(network, 0), operators)
  graph.node('Concat', extremes, { axis: 1 }, 'ranges')

  const numbers = extremes.length
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
      const means = columnMeans(rows, numbers)
      const range = (at: number): Range => ({ min: means[at]!, max: means[at + 1]! })
      return new Map(layers.map((layer, i) => [layer, { input: range(4 * i), output: range(4 * i + 2) }]))
    },
  }
}

/** Means of the extremes of each picture, not the extremes of all: a few outliers would cost all others precision. */
function columnMeans(rows: Float32Array, columns: number): Float64Array {
  const sums = new Float64Array(columns)
  rows.forEach((value, at) => (sums[at % columns]! += value))
  return sums.map((sum) => (sum * columns) / rows.length)
}
