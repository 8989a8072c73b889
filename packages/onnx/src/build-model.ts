import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPE,
  DIMENSION,
  GRAPH,
  ENTRY,
  MODEL,
  NODE,
  OPERATOR_SET,
  SHAPE,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './fields.js'
import {
  ELEMENT_TYPES,
  type Attribute,
  type Graph,
  type Initializer,
  type Node,
  type TensorInfo,
} from './model.js'

// The oldest IR version that carries opset 17: more runtimes read it than a newer one.
const IR_VERSION = 8

/** What a model says of itself. */
export interface BuildOptions {
  /** Version of the default operator set. */
  opset?: number
  /** Written beside the graph, for whoever reads the file. */
  metadata?: Readonly<Record<string, string>>
}

/** Builds an ONNX file. The nodes must be in topological order. */
export function buildModel(graph: Graph, options: BuildOptions = {}): Uint8Array {
  const { opset = 17, metadata = {} } = options
  const model = new BinaryWriter()
  writeInteger(model, MODEL.irVersion, IR_VERSION)
  writeText(model, MODEL.producerName, 'facekit')
  for (const [domain, version] of operatorSets(graph.nodes, opset)) {
    const set = new BinaryWriter()
    writeText(set, OPERATOR_SET.domain, domain)
    writeInteger(set, OPERATOR_SET.version, version)
    writeMessage(model, MODEL.opsetImport, set.finish())
  }
  for (const [key, value] of Object.entries(metadata)) {
    writeMessage(model, MODEL.metadata, encodeEntry(key, value))
  }
  return Buffer.concat([model.finish(), ...messageParts(MODEL.graph, graphParts(graph))])
}

function operatorSets(nodes: readonly Node[], opset: number): Map<string, number> {
  const sets = new Map([['', opset]])
  for (const { domain } of nodes) if (domain) sets.set(domain, 1)
  return sets
}

/** The fields of a graph; weights are not copied. */
function graphParts({ name, nodes, initializers, inputs, outputs }: Graph): Uint8Array[] {
  const head = new BinaryWriter()
  for (const node of nodes) writeMessage(head, GRAPH.node, encodeNode(node))
  writeText(head, GRAPH.name, name)
  for (const input of inputs) writeMessage(head, GRAPH.input, encodeTensorInfo(input))
  for (const output of outputs) writeMessage(head, GRAPH.output, encodeTensorInfo(output))
  return [head.finish(), ...initializers.flatMap(initializerParts)]
}

/** An entry of metadata or of external data. */
export function encodeEntry(key: string, value: string): Uint8Array {
  const entry = new BinaryWriter()
  writeText(entry, ENTRY.key, key)
  writeText(entry, ENTRY.value, value)
  return entry.finish()
}

export function encodeNode(node: Node): Uint8Array {
  const message = new BinaryWriter()
  for (const name of node.inputs) writeText(message, NODE.input, name)
  for (const name of node.outputs) writeText(message, NODE.output, name)
  writeText(message, NODE.opType, node.opType)
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    writeMessage(message, NODE.attribute, encodeAttribute(name, value))
  }
  if (node.domain) writeText(message, NODE.domain, node.domain)
  return message.finish()
}

/** A graph's initializer field. */
export function initializerParts({ name, elementType, shape, data }: Initializer): Uint8Array[] {
  const head = new BinaryWriter()
  for (const size of shape) writeInteger(head, TENSOR.dims, size)
  writeInteger(head, TENSOR.dataType, ELEMENT_TYPES[elementType])
  writeText(head, TENSOR.name, name)
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return messageParts(GRAPH.initializer, [head.finish(), ...messageParts(TENSOR.rawData, [bytes])])
}

/** A length-delimited field whose content is these parts, none of which is copied. */
export function messageParts(field: number, parts: readonly Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return [new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish(), ...parts]
}

export function encodeTensorInfo({ name, elementType, shape }: TensorInfo): Uint8Array {
  const dimensions = new BinaryWriter()
  for (const size of shape) {
    const dimension = new BinaryWriter()
    if (typeof size === 'number') writeInteger(dimension, DIMENSION.value, size)
    else writeText(dimension, DIMENSION.param, size)
    writeMessage(dimensions, SHAPE.dim, dimension.finish())
  }
  const tensorType = new BinaryWriter()
  if (elementType) writeInteger(tensorType, TENSOR_TYPE.elemType, ELEMENT_TYPES[elementType])
  writeMessage(tensorType, TENSOR_TYPE.shape, dimensions.finish())
  const type = new BinaryWriter()
  writeMessage(type, TYPE.tensorType, tensorType.finish())
  const message = new BinaryWriter()
  writeText(message, VALUE_INFO.name, name)
  writeMessage(message, VALUE_INFO.type, type.finish())
  return message.finish()
}

function encodeAttribute(name: string, value: Attribute): Uint8Array {
  const message = new BinaryWriter()
  writeText(message, ATTRIBUTE.name, name)
  if (typeof value === 'number') {
    writeInteger(message, ATTRIBUTE.i, value)
    writeInteger(message, ATTRIBUTE.type, ATTRIBUTE_TYPE.int)
  } else if (typeof value === 'string') {
    writeText(message, ATTRIBUTE.s, value)
    writeInteger(message, ATTRIBUTE.type, ATTRIBUTE_TYPE.string)
  } else {
    for (const item of value) writeInteger(message, ATTRIBUTE.ints, item)
    writeInteger(message, ATTRIBUTE.type, ATTRIBUTE_TYPE.ints)
  }
  return message.finish()
}

export function writeMessage(writer: BinaryWriter, field: number, content: Uint8Array): void {
  writer.tag(field, WireType.LengthDelimited).bytes(content)
}

function writeText(writer: BinaryWriter, field: number, text: string): void {
  writer.tag(field, WireType.LengthDelimited).string(text)
}

function writeInteger(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value)
}
