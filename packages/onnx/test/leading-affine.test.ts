import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { messageParts } from '../src/build-model.js'
import { ATTRIBUTE, GRAPH, MODEL, NODE, TENSOR } from '../src/fields.js'
import { buildModel, ELEMENT_TYPES, GraphBuilder, leadingAffine, type ElementType } from '../src/index.js'
import { contentsOf, fieldsOf, textOf, valueOf } from '../src/wire.js'

interface Started {
  shape?: (number | string)[]
  channelAxis?: number
}

/** What is read of a model that begins with what `write` makes of its input, wherever its constants are kept. */
function affineOf(write: (graph: GraphBuilder) => string, started: Started = {}) {
  const { shape = ['N', 3, 4, 6], channelAxis = 1 } = started
  const graph = new GraphBuilder()
  graph.node('Relu', [write(graph)], {}, 'rest')
  const { nodes, initializers } = graph
  const bytes = buildModel({
    name: 'start',
    inputs: [{ name: 'x', elementType: 'float32', shape }],
    outputs: [{ name: 'rest', elementType: 'float32', shape }],
    nodes,
    initializers,
  })
  const found = leadingAffine(bytes, 'x', channelAxis)
  expect(leadingAffine(constantNodes(bytes), 'x', channelAxis)).toEqual(found)
  return found
}

/** The same model with nodes in the place of initialisers, and its float32 numbers in their own field. */
function constantNodes(model: Uint8Array): Uint8Array {
  const [graph] = contentsOf(model, MODEL.graph)
  const nodes = contentsOf(graph!, GRAPH.initializer).map((tensor) => {
    const isFloat = valueOf(tensor, TENSOR.dataType) === ELEMENT_TYPES.float32
    const listed = [...fieldsOf(tensor)].flatMap(({ number, content, raw }) =>
      isFloat && number === TENSOR.rawData ? messageParts(TENSOR.floatData, [content]) : [raw],
    )
    const attribute = new BinaryWriter()
      .tag(ATTRIBUTE.name, WireType.LengthDelimited)
      .string('value')
      .finish()
    const name = new BinaryWriter()
      .tag(NODE.output, WireType.LengthDelimited)
      .string(textOf(tensor, TENSOR.name))
    const opType = new BinaryWriter().tag(NODE.opType, WireType.LengthDelimited).string('Constant').finish()
    const value = messageParts(NODE.attribute, [attribute, ...messageParts(ATTRIBUTE.tensor, listed)])
    return Buffer.concat(messageParts(GRAPH.node, [name.finish(), opType, ...value]))
  })
  const rest = [...fieldsOf(graph!)]
    .filter(({ number }) => number !== GRAPH.initializer)
    .map(({ raw }) => raw)
  const others = [...fieldsOf(model)].filter(({ number }) => number !== MODEL.graph).map(({ raw }) => raw)
  return Buffer.concat([...others, ...messageParts(MODEL.graph, [...nodes, ...rest])])
}

const float = (graph: GraphBuilder, shape: number[], ...values: number[]) =>
  graph.constant('float32', shape, Float32Array.from(values))

function expectAffine(found: ReturnType<typeof affineOf>, scale: number[], offset: number[]) {
  scale.forEach((value, i) => expect(found?.scale[i]).toBeCloseTo(value, 6))
  offset.forEach((value, i) => expect(found?.offset[i]).toBeCloseTo(value, 5))
}

describe('leadingAffine', () => {
  it.each<[string, (graph: GraphBuilder, number: (value: number) => string) => string, number, number]>([
    [
      'Sub, Mul',
      (g, n) => g.node('Mul', [g.node('Sub', ['x', n(127.5)]), n(0.0078125)]),
      0.0078125,
      -0.99609375,
    ],
    ['Sub, Div', (g, n) => g.node('Div', [g.node('Sub', ['x', n(100)]), n(50)]), 0.02, -2],
    ['Mul, Add', (g, n) => g.node('Add', [g.node('Mul', ['x', n(2)]), n(-1)]), 2, -1],
    ['constants first', (g, n) => g.node('Add', [n(-1), g.node('Mul', [n(2), 'x'])]), 2, -1],
    ['a constant minus it', (g, n) => g.node('Sub', [n(1), g.node('Div', ['x', n(4)])]), -0.25, 1],
    [
      'four in a row',
      (g, n) => g.node('Div', [g.node('Sub', [g.node('Div', ['x', n(255)]), n(0.5)]), n(0.5)]),
      2 / 255,
      -1,
    ],
  ])('reads %s', (_case, write, scale, offset) => {
    for (const shape of [[], [1], [1, 1, 1, 1]]) {
      const found = affineOf((graph) => write(graph, (value) => float(graph, shape, value)))
      expectAffine(found, [scale, scale, scale], [offset, offset, offset])
    }
  })

  it.each<[string, Started, number[]]>([
    ['N×3×H×W', {}, [3, 1, 1]],
    ['N×3×H×W, four axes', {}, [1, 3, 1, 1]],
    ['N×H×W×3', { shape: ['N', 4, 6, 3], channelAxis: 3 }, [3]],
    ['N×H×W×3, four axes', { shape: ['N', 4, 6, 3], channelAxis: 3 }, [1, 1, 1, 3]],
  ])('reads numbers per channel of %s', (_case, started, shape) => {
    const found = affineOf(
      (graph) =>
        graph.node('Div', [
          graph.node('Sub', ['x', float(graph, shape, 1, 2, 3)]),
          float(graph, shape, 2, 4, 8),
        ]),
      started,
    )
    expectAffine(found, [1 / 2, 1 / 4, 1 / 8], [-1 / 2, -2 / 4, -3 / 8])
  })

  it('reads a batch normalisation', () => {
    const write = (graph: GraphBuilder) => {
      const parts = [
        [2, 2, 4],
        [0, 1, 2],
        [100, 110, 120],
        [4 - 1e-5, 16 - 1e-5, 25 - 1e-5],
      ].map((values) => float(graph, [3], ...values))
      return graph.node('BatchNormalization', ['x', ...parts])
    }
    expectAffine(affineOf(write), [1, 0.5, 0.8], [-100, -54, -94])
    expect(affineOf(write)?.statistics?.mean).toEqual([100, 110, 120])
    // Along another axis it is no normalisation of channels.
    expect(affineOf(write, { shape: ['N', 3, 4, 3], channelAxis: 3 })).toBeUndefined()
  })

  it('looks through what leaves the numbers as they are, and follows the channels', () => {
    const found = affineOf(
      (graph) => {
        const wide = graph.node('Cast', [graph.node('Identity', ['x'])], { to: 11 })
        const planes = graph.node('Transpose', [wide], { perm: [0, 3, 1, 2] })
        graph.node('Shape', ['x'])
        return graph.node('Sub', [planes, float(graph, [3, 1, 1], 1, 2, 3)])
      },
      { shape: ['N', 4, 6, 3], channelAxis: 3 },
    )
    expectAffine(found, [1, 1, 1], [-1, -2, -3])
  })

  it.each<[ElementType, ArrayBufferView]>([
    ['float32', Float32Array.of(127.5)],
    ['float16', Uint16Array.of(0x57f8)],
    ['float64', Float64Array.of(127.5)],
  ])('reads constants of %s', (type, data) => {
    const found = affineOf((graph) => graph.node('Sub', ['x', graph.constant(type, [1], data)]))
    expectAffine(found, [1, 1, 1], [-127.5, -127.5, -127.5])
  })

  it.each<[ElementType, ArrayBufferView]>([
    ['int32', Int32Array.of(-7)],
    ['int64', BigInt64Array.of(-7n)],
  ])('reads constants of %s that are cast', (type, data) => {
    const found = affineOf((graph) =>
      graph.node('Add', ['x', graph.node('Cast', [graph.constant(type, [], data)], { to: 1 })]),
    )
    expectAffine(found, [1, 1, 1], [-7, -7, -7])
  })

  it.each<[string, (graph: GraphBuilder) => string]>([
    ['nothing of the kind', () => 'x'],
    ['a convolution', (g) => g.node('Conv', ['x', float(g, [1, 3, 1, 1], 1, 2, 3)])],
    ['a sum with itself', (g) => g.node('Add', ['x', 'x'])],
    ['a sum with what another operator gives', (g) => g.node('Add', ['x', g.node('Abs', ['x'])])],
    ['a quotient by it', (g) => g.node('Div', [float(g, [1], 1), 'x'])],
    ['numbers along another axis', (g) => g.node('Sub', ['x', float(g, [3, 1], 1, 2, 3)])],
    ['a cast to bytes', (g) => g.node('Sub', [g.node('Cast', ['x'], { to: 2 }), float(g, [1], 1)])],
    [
      'an operator that is not standard',
      (g) => {
        g.nodes.push({ opType: 'Sub', inputs: ['x', float(g, [1], 1)], outputs: ['y'], domain: 'com.other' })
        return 'y'
      },
    ],
    ['a ring', (g) => g.node('Identity', ['x'], {}, 'x')],
  ])('reads none where a model begins with %s', (_case, write) => {
    expect(affineOf(write)).toBeUndefined()
  })

  it('stops at what it does not know', () => {
    const found = affineOf((graph) =>
      graph.node('Add', [
        graph.node('Abs', [graph.node('Sub', ['x', float(graph, [], 5)])]),
        float(graph, [], 9),
      ]),
    )
    expectAffine(found, [1, 1, 1], [-5, -5, -5])
  })
})
