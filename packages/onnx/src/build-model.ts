import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPE,
  DIMENSION,
  GRAPH,
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

/** Builds an ONNX file. The nodes must be in topological order. */
export function buildModel(graph: Graph, opset = 17): Uint8Array {
  const message = new BinaryWriter()
  for (const node of graph.nodes) writeMessage(message, GRAPH.node, encodeNode(node))
  writeText(message, GRAPH.name, graph.name)
  for (const initializer of graph.initializers)
    writeMessage(message, GRAPH.initializer, encodeInitializer(initializer))
  for (const input of graph.inputs) writeMessage(message, GRAPH.input, encodeTensorInfo(input))
  for (const output of graph.outputs) writeMessage(message, GRAPH.output, encodeTensorInfo(output))

  const opsetImport = new BinaryWriter()
  writeText(opsetImport, OPERATOR_SET.domain, '')
  writeInteger(opsetImport, OPERATOR_SET.version, opset)

  const model = new BinaryWriter()
  writeInteger(model, MODEL.irVersion, IR_VERSION)
  writeText(model, MODEL.producerName, 'facekit')
  writeMessage(model, MODEL.graph, message.finish())
  writeMessage(model, MODEL.opsetImport, opsetImport.finish())
  return model.finish()
}

export function encodeNode(node: Node): Uint8Array {
  const message = new BinaryWriter()
  for (const name of node.inputs) writeText(message, NODE.input, name)
  for (const name of node.outputs) writeText(message, NODE.output, name)
  writeText(message, NODE.opType, node.opType)
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    writeMessage(message, NODE.attribute, encodeAttribute(name, value))
  }
  return message.finish()
}

export function encodeInitializer({ name, elementType, shape, data }: Initializer): Uint8Array {
  const message = new BinaryWriter()
  for (const size of shape) writeInteger(message, TENSOR.dims, size)
  writeInteger(message, TENSOR.dataType, ELEMENT_TYPES[elementType])
  writeText(message, TENSOR.name, name)
  writeMessage(message, TENSOR.rawData, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return message.finish()
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
