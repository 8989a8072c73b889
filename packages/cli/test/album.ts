import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildModel, GraphBuilder } from '@facekit/onnx'
import { seededRandom } from '@facekit/testing'

const SIDE = 112
const BLOCKS = 8
const BLOCK = SIDE / BLOCKS

/**
 * Writes pictures of coloured blocks as BMP, `people` folders of `pictures` each: those of one folder are alike, those
 * of two are not. The last picture of every fourth folder is the copy of its first.
 */
export function drawAlbum(folder: string, people: number, pictures: number): void {
  const random = seededRandom(7)
  for (let person = 0; person < people; person++) {
    const name = join(folder, `person_${person}`)
    mkdirSync(name, { recursive: true })
    const face = Array.from({ length: BLOCKS * BLOCKS * 3 }, () => random() * 255)
    let first: Buffer | undefined
    for (let picture = 0; picture < pictures; picture++) {
      const copied = picture === pictures - 1 && person % 4 === 0 ? first : undefined
      const bytes = copied ?? bmp(face.map((value) => value + (random() - 0.5) * 160))
      first ??= bytes
      writeFileSync(join(name, `${picture}.bmp`), bytes)
    }
  }
}

function bmp(blocks: readonly number[]): Buffer {
  const bytes = Buffer.alloc(54 + SIDE * SIDE * 3)
  bytes.write('BM', 'latin1')
  bytes.writeUInt32LE(54, 10)
  bytes.writeUInt32LE(40, 14)
  bytes.writeInt32LE(SIDE, 18)
  bytes.writeInt32LE(SIDE, 22)
  bytes.writeUInt16LE(24, 28)
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const block = Math.floor(y / BLOCK) * BLOCKS + Math.floor(x / BLOCK)
      for (let c = 0; c < 3; c++) {
        bytes[54 + (y * SIDE + x) * 3 + c] = Math.min(255, Math.max(0, blocks[block * 3 + c]!))
      }
    }
  }
  return bytes
}

/** Writes a model whose embedding of a picture is the colours of its blocks: 192 numbers. */
export function writeBlockModel(file: string): void {
  writeFileSync(
    file,
    buildModel({
      name: 'blocks',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, SIDE, SIDE] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', BLOCKS * BLOCKS * 3] }],
      nodes: [
        {
          opType: 'AveragePool',
          inputs: ['image'],
          outputs: ['blocks'],
          attributes: { kernel_shape: [BLOCK, BLOCK], strides: [BLOCK, BLOCK] },
        },
        { opType: 'Flatten', inputs: ['blocks'], outputs: ['embedding'], attributes: { axis: 1 } },
      ],
      initializers: [],
    }),
  )
}

/** Writes a model that takes some tenths of a second for four pictures: convolutions, one after the other. */
export function writeSlowModel(file: string, layers = 12): void {
  const channels = 64
  const graph = new GraphBuilder()
  const kernel = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }
  const weights = (inputs: number) =>
    graph.constant('float32', [channels, inputs, 3, 3], new Float32Array(channels * inputs * 9))
  let map = graph.node('Conv', ['image', weights(3)], kernel)
  const inner = weights(channels)
  for (let layer = 0; layer < layers; layer++) map = graph.node('Conv', [map, inner], kernel)
  graph.node('ReduceMean', [map], { axes: [2, 3], keepdims: 0 }, 'embedding')
  const { nodes, initializers } = graph
  writeFileSync(
    file,
    buildModel({
      name: 'slow',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, SIDE, SIDE] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', channels] }],
      nodes,
      initializers,
    }),
  )
}

/** Writes a model whose embedding of a picture is the logarithm of its mean colours: not finite for a black one. */
export function writeLogModel(file: string): void {
  const graph = new GraphBuilder()
  graph.node('Log', [graph.node('ReduceMean', ['image'], { axes: [2, 3], keepdims: 0 })], {}, 'embedding')
  writeFileSync(
    file,
    buildModel({
      name: 'logarithms',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, SIDE, SIDE] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 3] }],
      nodes: graph.nodes,
      initializers: graph.initializers,
    }),
  )
}
