import { buildModel, type Attribute } from '@facekit/onnx'
import { writeIresnet, type IresnetOutput } from './build-iresnet.js'
import { foldNorms } from './fold.js'
import type { Network } from './network.js'
import { convolve, elementwisePrelu, FloatGraph, type Operators } from './operators.js'
import { PIXELS } from './write-network.js'

/** A float32 graph that measures what its nodes give. */
class MeasuredGraph extends FloatGraph {
  readonly #magnitudes: string[] = []

  override node(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    output?: string,
  ): string {
    const result = super.node(opType, inputs, attributes, output)
    // What it gives are pixels.
    if (opType === 'Transpose') return result
    const sizes = super.node('Abs', [super.node('Flatten', [result])])
    this.#magnitudes.push(super.node('ReduceMax', [sizes], { axes: [1], keepdims: 1 }))
    return result
  }

  /** @returns how many there are */
  giveMagnitudes(name: string): number {
    super.node('Concat', this.#magnitudes, { axis: 1 }, name)
    return this.#magnitudes.length
  }
}

/**
 * Builds a model that tells how large the numbers get that a float16 model has between its layers and as its results. It
 * computes in float32, since what runs a float16 model may do so, too, and another may not.
 *
 * @returns takes `pixels` as the network does, gives `magnitudes`: N × numbers float32, none below 0
 */
export function magnitudeModel(network: Network, outputs: readonly IresnetOutput[]): Uint8Array {
  const graph = new MeasuredGraph()
  const operators: Operators = {
    convolve: (x, conv) => convolve(graph, x, conv),
    activate: (x, activation) => elementwisePrelu(graph, x, activation),
  }
  const results = writeIresnet(graph, foldNorms(network, 0), operators, false)
  for (const name of outputs) results[name]()
  const numbers = graph.giveMagnitudes('magnitudes')
  const { height, width } = network
  return buildModel({
    name: 'magnitudes',
    inputs: [{ name: PIXELS, elementType: 'uint8', shape: ['N', height, width, 3] }],
    outputs: [{ name: 'magnitudes', elementType: 'float32', shape: ['N', numbers] }],
    nodes: graph.nodes,
    initializers: graph.initializers,
  })
}
