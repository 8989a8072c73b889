import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildModel, ELEMENT_TYPES, GraphBuilder, type ElementType, type Node } from '@facekit/onnx'

export interface TestModel {
  layout?: 'NCHW' | 'NHWC'
  elementType?: ElementType
  batch?: number | string
  height?: number | string
  width?: number | string
  /** What the embedding is made of. */
  outputType?: ElementType
}

/**
 * Writes a model whose embedding of a picture is the mean of each of its channels: three numbers that a test can
 * compute by itself.
 */
export function channelMeans(folder: string, options: TestModel = {}): string {
  const { layout = 'NCHW', elementType = 'float32', batch = 'N', height = 4, width = 6 } = options
  const { outputType = 'float32' } = options
  const file = join(folder, `means-${layout}-${elementType}-${batch}-${height}x${width}-${outputType}.onnx`)
  const nodes: Node[] = [
    { opType: 'Cast', inputs: ['image'], outputs: ['float'], attributes: { to: 1 } },
    {
      opType: 'ReduceMean',
      inputs: ['float'],
      outputs: ['means'],
      attributes: { axes: layout === 'NCHW' ? [2, 3] : [1, 2], keepdims: 0 },
    },
    {
      opType: 'Cast',
      inputs: ['means'],
      outputs: ['embedding'],
      attributes: { to: ELEMENT_TYPES[outputType] },
    },
  ]
  const shape = layout === 'NCHW' ? [batch, 3, height, width] : [batch, height, width, 3]
  writeFileSync(
    file,
    buildModel({
      name: 'channel-means',
      inputs: [{ name: 'image', elementType, shape }],
      outputs: [{ name: 'embedding', elementType: outputType, shape: [batch, 3] }],
      nodes,
      initializers: [],
    }),
  )
  return file
}

/** A model with outputs of 3 and 6 numbers, and the picture itself. */
export function severalOutputs(folder: string): string {
  const file = join(folder, 'several.onnx')
  const mean = { axes: [2, 3], keepdims: 0 }
  writeFileSync(
    file,
    buildModel({
      name: 'several',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 4, 6] }],
      outputs: [
        { name: 'means', elementType: 'float32', shape: ['N', 3] },
        { name: 'both', elementType: 'float32', shape: ['N', 6] },
        { name: 'map', elementType: 'float32', shape: ['N', 3, 4, 6] },
      ],
      nodes: [
        { opType: 'ReduceMean', inputs: ['image'], outputs: ['means'], attributes: mean },
        { opType: 'ReduceMax', inputs: ['image'], outputs: ['maxima'], attributes: mean },
        { opType: 'Concat', inputs: ['means', 'maxima'], outputs: ['both'], attributes: { axis: 1 } },
        { opType: 'Identity', inputs: ['image'], outputs: ['map'] },
      ],
      initializers: [],
    }),
  )
  return file
}

/** A model that declares its size free and takes 6×4 pixels only. */
export function falselyFree(folder: string): string {
  const file = join(folder, 'falsely-free.onnx')
  const graph = new GraphBuilder()
  const weights = graph.constant('float32', [72, 2], new Float32Array(144).fill(0.5))
  graph.node('MatMul', [graph.node('Flatten', ['image']), weights], {}, 'embedding')
  const { nodes, initializers } = graph
  writeFileSync(
    file,
    buildModel({
      name: 'falsely-free',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 'H', 'W'] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 2] }],
      nodes,
      initializers,
    }),
  )
  return file
}

/** A model that is no face model: it takes a vector. */
export function takesVector(folder: string): string {
  const file = join(folder, 'vector.onnx')
  writeFileSync(
    file,
    buildModel({
      name: 'vector',
      inputs: [{ name: 'features', elementType: 'float32', shape: ['N', 10] }],
      outputs: [{ name: 'same', elementType: 'float32', shape: ['N', 10] }],
      nodes: [{ opType: 'Identity', inputs: ['features'], outputs: ['same'] }],
      initializers: [],
    }),
  )
  return file
}

/** A model that takes some tenths of a second for a picture: convolutions, one after the other. */
export function slow(folder: string): string {
  const file = join(folder, 'slow.onnx')
  const graph = new GraphBuilder()
  const channels = 64
  const kernel = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }
  const weights = (inputs: number) =>
    graph.constant('float32', [channels, inputs, 3, 3], new Float32Array(channels * inputs * 9))
  let map = graph.node('Conv', ['image', weights(3)], kernel)
  const inner = weights(channels)
  for (let layer = 0; layer < 40; layer++) map = graph.node('Conv', [map, inner], kernel)
  graph.node('ReduceMean', [map], { axes: [2, 3], keepdims: 0 }, 'embedding')
  const { nodes, initializers } = graph
  writeFileSync(
    file,
    buildModel({
      name: 'slow',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 112] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', channels] }],
      nodes,
      initializers,
    }),
  )
  return file
}
