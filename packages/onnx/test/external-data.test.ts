import { externalModel } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { buildModel, externalData, readModel, relocateData } from '../src/index.js'
import { contentsOf } from '../src/wire.js'

const MODEL = externalModel('model.onnx_data', { offset: '16', length: '12' })

describe('externalData', () => {
  it('lists what a model keeps in other files', () => {
    expect(externalData(MODEL)).toEqual([{ location: 'model.onnx_data', offset: 16, length: 12 }])
    expect(externalData(externalModel('w'))).toEqual([{ location: 'w', offset: 0, length: undefined }])
    const none = buildModel({
      name: 'sum',
      inputs: [],
      outputs: [{ name: 'y', elementType: 'float32', shape: [1] }],
      nodes: [{ opType: 'Identity', inputs: ['c'], outputs: ['y'] }],
      initializers: [{ name: 'c', elementType: 'float32', shape: [1], data: Float32Array.of(1) }],
    })
    expect(externalData(none)).toEqual([])
  })

  it('finds it in graphs within graphs, and refuses thousands of these', () => {
    const field = (number: number, content: Uint8Array) => {
      const length = content.length
      return Buffer.concat([
        Uint8Array.of(number * 8 + 2, (length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14),
        content,
      ])
    }
    let [graph] = contentsOf(MODEL, 7) as [Uint8Array]
    const nest = () => (graph = field(1, field(5, field(6, graph))))
    nest()
    expect(externalData(field(7, graph))).toHaveLength(1)
    for (let i = 0; i < 5000; i++) nest()
    expect(() => externalData(field(7, graph), 'deep.onnx')).toThrow(/deep\.onnx/)
  })

  it.each(['-1', '1.5', '1e3', '9007199254740993', ''])('refuses an offset of %s', (offset) => {
    expect(() => externalData(externalModel('w', { offset }), 'some.onnx')).toThrow(
      expect.objectContaining({ code: 'ONNX_INVALID', message: expect.stringContaining('some.onnx') }),
    )
  })
})

describe('relocateData', () => {
  it('names another file, and leaves the rest as it is', () => {
    const moved = relocateData(MODEL, (location) => `a longer folder/${location}`)
    expect(externalData(moved)).toEqual([
      { location: 'a longer folder/model.onnx_data', offset: 16, length: 12 },
    ])
    expect(readModel(moved)).toEqual(readModel(MODEL))
    expect(Buffer.from(relocateData(moved, () => 'model.onnx_data'))).toEqual(MODEL)
  })
})
