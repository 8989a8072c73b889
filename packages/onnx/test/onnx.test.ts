import { describe, expect, it } from 'vitest'
import { buildModel, readModel, replaceInput, type Graph } from '../src/index.js'

const GRAPH: Graph = {
  name: 'scale',
  inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 96] }],
  outputs: [{ name: 'scaled', elementType: 'float16', shape: ['N', 3, 112, 96] }],
  nodes: [
    { opType: 'Mul', inputs: ['image', 'factor'], outputs: ['product'] },
    { opType: 'Cast', inputs: ['product'], outputs: ['scaled'], attributes: { to: 10 } },
  ],
  initializers: [{ name: 'factor', elementType: 'float32', shape: [1], data: Float32Array.of(2) }],
}

/** `GRAPH` as older exporters write it: the initialiser stands among the inputs too. */
const OLD_STYLE: Graph = {
  ...GRAPH,
  inputs: [...GRAPH.inputs, { name: 'factor', elementType: 'float32', shape: [1] }],
}

const PRELUDE = {
  inputs: [{ name: 'pixels', elementType: 'uint8', shape: ['N', 112, 96, 3] }],
  nodes: [
    { opType: 'Transpose', inputs: ['pixels'], outputs: ['planes'], attributes: { perm: [0, 3, 1, 2] } },
    { opType: 'Cast', inputs: ['planes'], outputs: ['image'], attributes: { to: 1 } },
  ],
  initializers: [],
} as const satisfies Omit<Graph, 'name' | 'outputs'>

describe('readModel', () => {
  it('reads inputs, outputs, opset and metadata of what buildModel builds', () => {
    const metadata = { source: 'a file', größe: '112×96' }
    expect(readModel(buildModel(GRAPH, { opset: 13, metadata }))).toEqual({
      inputs: [{ name: 'image', elementType: 'float32', shape: ['N', 3, 112, 96] }],
      outputs: [{ name: 'scaled', elementType: 'float16', shape: ['N', 3, 112, 96] }],
      opset: 13,
      metadata,
    })
  })

  it('does not take an initialiser for an input', () => {
    expect(readModel(buildModel(OLD_STYLE)).inputs.map((input) => input.name)).toEqual(['image'])
  })

  it('refuses a model cut anywhere, naming the file', () => {
    const bytes = buildModel(GRAPH)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readModel(bytes.subarray(0, length), 'some.onnx'), `cut at ${length}`).toThrow('some.onnx')
    }
  })

  it('says what it got instead', () => {
    expect(() => readModel(Buffer.from('PK\u0003\u0004zip'), 'weights.pth')).toThrow(/weights\.pth.*PyTorch/)
    expect(() => readModel(Buffer.from('version https://git-lfs'), 'a.onnx')).toThrow(/git lfs pull/)
    expect(() => readModel(Buffer.alloc(0), 'a.onnx')).toThrow(/an empty file/)
  })
})

describe('replaceInput', () => {
  it('puts nodes in front and leaves the rest as it is', () => {
    const bytes = replaceInput(buildModel(GRAPH), 'image', PRELUDE)
    expect(readModel(bytes)).toMatchObject({
      inputs: [{ name: 'pixels', elementType: 'uint8' }],
      outputs: [{ name: 'scaled' }],
      opset: 17,
    })
    for (const kept of ['Mul', 'factor', 'facekit']) expect(Buffer.from(bytes).includes(kept)).toBe(true)
  })

  it('refuses an input that is not there', () => {
    expect(() => replaceInput(buildModel(GRAPH), 'picture', PRELUDE)).toThrow('picture')
  })
})
