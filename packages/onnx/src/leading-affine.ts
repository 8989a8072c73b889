import { ATTRIBUTE, GRAPH, MODEL, NODE, TENSOR } from './fields.js'
import { asOnnx } from './not-a-model.js'
import { isDefaultDomain } from './read-model.js'
import { readSmallTensor, type SmallTensor } from './small-tensor.js'
import { contentsOf, floatsOf, integersOf, textOf, valueOf } from './wire.js'

/** What a model does with a picture before anything else: scale · x + offset, for each of the three channels. */
export interface LeadingAffine {
  scale: readonly number[]
  offset: readonly number[]
  /** Of a batch normalisation: what the training saw of each channel. Undefined for sums and products. */
  statistics?: { mean: readonly number[]; variance: readonly number[] }
}

const CHANNELS = 3
const RANK = 4

/** Exports begin with a handful; a graph may be a ring. */
const MAX_STEPS = 32

/** As TensorProto numbers them: float, float16, double, bfloat16. Casts to these change nothing but the last digits. */
const FLOAT_TYPES = [1, 10, 11, 16]

const DEFAULT_EPSILON = 1e-5

interface GraphNode {
  /** Empty for operators outside the standard. */
  opType: string
  inputs: readonly string[]
  output: string
  attributes: ReadonlyMap<string, Uint8Array>
}

type Constants = ReadonlyMap<string, SmallTensor>

/**
 * Reads the affine map that a model begins with off its graph: sums and products with constants, in any order, or else
 * one batch normalisation; before and between them only what leaves the numbers as they are.
 *
 * @param input the name of an input of four axes
 * @param channelAxis the axis of it that is the channels
 * @returns undefined where the model begins with anything else
 * @throws OnnxError `ONNX_INVALID`
 */
export function leadingAffine(
  bytes: Uint8Array,
  input: string,
  channelAxis: number,
  source = 'model',
): LeadingAffine | undefined {
  return asOnnx(bytes, source, () => {
    const [graph] = contentsOf(bytes, MODEL.graph)
    if (!graph) return undefined
    const nodes = contentsOf(graph, GRAPH.node).map(readNode)
    return affineFrom(input, channelAxis, nodes, readConstants(graph, nodes))
  })
}

function affineFrom(
  input: string,
  channelAxis: number,
  nodes: readonly GraphNode[],
  constants: Constants,
): LeadingAffine | undefined {
  let affine: LeadingAffine | undefined
  let [name, axis] = [input, channelAxis]
  for (let step = 0; step < MAX_STEPS; step++) {
    // Exports ask their input for its shape, to reshape by it later.
    const [node, ...others] = nodes.filter(
      ({ opType, inputs }) => inputs.includes(name) && opType !== 'Shape',
    )
    if (!node || others.length > 0) break
    if (node.opType === 'Transpose') {
      axis = integersOf(node.attributes.get('perm') ?? EMPTY, ATTRIBUTE.ints).indexOf(axis)
    } else if (node.opType === 'BatchNormalization') {
      return affine ?? batchNormOf(node, axis, constants)
    } else if (!keepsNumbers(node)) {
      const next = applied(affine ?? IDENTITY, node, name, axis, constants)
      if (!next) break
      affine = next
    }
    name = node.output
  }
  return affine
}

const EMPTY = new Uint8Array(0)
const IDENTITY: LeadingAffine = { scale: [1, 1, 1], offset: [0, 0, 0] }

function keepsNumbers({ opType, attributes }: GraphNode): boolean {
  if (opType === 'Cast') return FLOAT_TYPES.includes(valueOf(attributes.get('to') ?? EMPTY, ATTRIBUTE.i))
  return opType === 'Identity'
}

/** The affine map with a sum or product after it; undefined where `node` is none. */
function applied(
  { scale, offset }: LeadingAffine,
  { opType, inputs, attributes }: GraphNode,
  name: string,
  axis: number,
  constants: Constants,
): LeadingAffine | undefined {
  const first = inputs[0] === name
  const constant = constants.get(inputs[first ? 1 : 0] ?? '')
  const values = constant && perChannel(constant, axis)
  // Before version 7 an attribute aligned the axes.
  if (!values || inputs.length !== 2 || attributes.has('axis')) return undefined
  const map = (
    s: (scale: number, value: number) => number,
    o: (offset: number, value: number) => number,
  ) => ({
    scale: scale.map((number, i) => s(number, values[i]!)),
    offset: offset.map((number, i) => o(number, values[i]!)),
  })
  const plus = (a: number, b: number) => a + b
  const minus = (a: number, b: number) => a - b
  const times = (a: number, b: number) => a * b
  const over = (a: number, b: number) => a / b
  const same = (a: number) => a
  if (opType === 'Add') return map(same, plus)
  if (opType === 'Mul') return map(times, times)
  if (opType === 'Sub')
    return first
      ? map(same, minus)
      : map(
          (a) => -a,
          (b, c) => c - b,
        )
  if (opType === 'Div' && first) return map(over, over)
  return undefined
}

/** A constant as one number for each channel; undefined where it varies along another axis. */
function perChannel({ shape, values }: SmallTensor, axis: number): readonly number[] | undefined {
  if (values.length === 1 && shape.length <= RANK) return Array.from({ length: CHANNELS }, () => values[0]!)
  const alongChannels = shape.every((size, i) => size === 1 || i + RANK - shape.length === axis)
  return alongChannels && values.length === CHANNELS ? values : undefined
}

function batchNormOf(node: GraphNode, axis: number, constants: Constants): LeadingAffine | undefined {
  const [weight, bias, mean, variance] = node.inputs.slice(1).map((name) => constants.get(name)?.values)
  if (axis !== 1 || !weight || !bias || !mean || !variance) return undefined
  if ([weight, bias, mean, variance].some(({ length }) => length !== CHANNELS)) return undefined
  const epsilon = node.attributes.get('epsilon')
  const added = epsilon ? valueOf(epsilon, ATTRIBUTE.f) : DEFAULT_EPSILON
  const scale = weight.map((number, i) => number / Math.sqrt(variance[i]! + added))
  const offset = bias.map((number, i) => number - mean[i]! * scale[i]!)
  return { scale, offset, statistics: { mean, variance } }
}

function readNode(node: Uint8Array): GraphNode {
  const text = (content: Uint8Array) => Buffer.from(content).toString('utf8')
  return {
    opType: isDefaultDomain(textOf(node, NODE.domain)) ? textOf(node, NODE.opType) : '',
    inputs: contentsOf(node, NODE.input).map(text),
    output: contentsOf(node, NODE.output).map(text)[0] ?? '',
    attributes: new Map(
      contentsOf(node, NODE.attribute).map((attribute) => [textOf(attribute, ATTRIBUTE.name), attribute]),
    ),
  }
}

/** The small constants of a graph: initialisers, and what nodes hold. */
function readConstants(graph: Uint8Array, nodes: readonly GraphNode[]): Constants {
  const constants = new Map<string, SmallTensor>()
  for (const tensor of contentsOf(graph, GRAPH.initializer)) {
    const small = readSmallTensor(tensor)
    if (small) constants.set(textOf(tensor, TENSOR.name), small)
  }
  for (const node of nodes) {
    const small =
      node.opType === 'Constant' ? heldBy(node) : keepsNumbers(node) && constants.get(node.inputs[0] ?? '')
    if (small) constants.set(node.output, small)
  }
  return constants
}

function heldBy({ attributes }: GraphNode): SmallTensor | undefined {
  const [tensor] = contentsOf(attributes.get('value') ?? EMPTY, ATTRIBUTE.tensor)
  if (tensor) return readSmallTensor(tensor)
  const [float, floats] = ['value_float', 'value_floats'].map((name) => attributes.get(name))
  if (float) return { shape: [], values: [valueOf(float, ATTRIBUTE.f)] }
  if (!floats) return undefined
  const values = floatsOf(floats, ATTRIBUTE.floats)
  return { shape: [values.length], values }
}
