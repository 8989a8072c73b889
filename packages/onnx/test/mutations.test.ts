import { externalModel, rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import {
  buildModel,
  externalData,
  GraphBuilder,
  leadingAffine,
  OnnxError,
  readModel,
  relocateData,
  replaceInput,
  type Graph,
} from '../src/index.js'

const PRELUDE: Omit<Graph, 'name' | 'outputs'> = {
  inputs: [{ name: 'bytes', elementType: 'uint8', shape: ['N', 4, 6, 3] }],
  nodes: [{ opType: 'Cast', inputs: ['bytes'], outputs: ['image'], attributes: { to: 1 } }],
  initializers: [],
}

function normalizing(): Uint8Array {
  const graph = new GraphBuilder()
  const three = (...values: number[]) => graph.constant('float32', [3, 1, 1], Float32Array.from(values))
  const planes = graph.node('Transpose', [graph.node('Cast', ['image'], { to: 1 })], { perm: [0, 3, 1, 2] })
  const centred = graph.node('Sub', [planes, three(1, 2, 3)])
  const half = graph.constant('float16', [], Uint16Array.of(0x3800))
  graph.node('Mul', [centred, graph.node('Cast', [half], { to: 1 })], {}, 'embedding')
  const { nodes, initializers } = graph
  return buildModel(
    {
      name: 'normalizing',
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 4, 6, 3] }],
      outputs: [{ name: 'embedding', elementType: 'float32', shape: ['N', 3, 4, 6] }],
      nodes,
      initializers,
    },
    { metadata: { key: 'value' } },
  )
}

/** Bytes changed, cut out, doubled, or cut off. */
function mutated(bytes: Uint8Array, random: () => number): Uint8Array {
  let changed = Buffer.from(bytes)
  for (let edits = 1 + Math.floor(random() * 4); edits > 0; edits--) {
    const at = Math.floor(random() * changed.length)
    const end = at + Math.floor(random() * 16)
    const kind = random()
    if (kind < 0.6)
      changed[at] = random() < 0.5 ? changed[at]! ^ (1 << Math.floor(random() * 8)) : random() * 256
    else if (kind < 0.75) changed = Buffer.concat([changed.subarray(0, at), changed.subarray(end)])
    else if (kind < 0.95) changed = Buffer.concat([changed.subarray(0, end), changed.subarray(at)])
    else changed = changed.subarray(0, at)
  }
  return changed
}

describe('a model with bytes changed anywhere', () => {
  it.each<[string, Uint8Array]>([
    ['inside', normalizing()],
    ['in another file', externalModel('weights.bin', { offset: '4', length: '12' })],
  ])('gives a value or an OnnxError: weights %s', (_case, whole) => {
    const random = seededRandom(5)
    for (let round = 0; round < rounds(2000, 200_000); round++) {
      const bytes = mutated(whole, random)
      for (const read of [
        () => readModel(bytes),
        () => leadingAffine(bytes, 'image', 3),
        () => replaceInput(bytes, 'image', PRELUDE),
        () => externalData(bytes),
        () => relocateData(bytes, (location) => `${location}.moved`),
      ]) {
        try {
          expect(read()).not.toBeNull()
        } catch (error) {
          if (!(error instanceof OnnxError)) throw error
        }
      }
    }
  })
})
