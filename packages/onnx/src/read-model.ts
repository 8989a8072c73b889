import { asOnnx, notAModel } from './not-a-model.js'
import {
  DIMENSION,
  ENTRY,
  GRAPH,
  MODEL,
  OPERATOR_SET,
  SHAPE,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './fields.js'
import { ELEMENT_TYPES, type ElementType, type Model, type TensorInfo } from './model.js'
import { contentsOf, fieldsOf, textOf, valueOf } from './wire.js'

/**
 * Reads the inputs and outputs of an ONNX file, without its weights.
 *
 * @param bytes the file's content
 * @param source named in errors, usually the file's path
 * @throws OnnxError `ONNX_INVALID`
 */
export function readModel(bytes: Uint8Array, source = 'model'): Model {
  return asOnnx(bytes, source, () => {
    const graph = contentsOf(bytes, MODEL.graph)[0]
    const opset = contentsOf(bytes, MODEL.opsetImport).find((set) =>
      isDefaultDomain(textOf(set, OPERATOR_SET.domain)),
    )
    if (!graph || !opset) throw notAModel(source, bytes)
    const { inputs, outputs } = readInterface(graph)
    if (outputs.length === 0) throw notAModel(source, bytes)
    return { inputs, outputs, opset: valueOf(opset, OPERATOR_SET.version), metadata: readMetadata(bytes) }
  })
}

function readMetadata(model: Uint8Array): Record<string, string> {
  const entries = contentsOf(model, MODEL.metadata)
  return Object.fromEntries(entries.map((entry) => [textOf(entry, ENTRY.key), textOf(entry, ENTRY.value)]))
}

export function isDefaultDomain(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx'
}

function readInterface(graph: Uint8Array): Pick<Model, 'inputs' | 'outputs'> {
  const inputs: TensorInfo[] = []
  const outputs: TensorInfo[] = []
  const initializers = new Set<string>()
  for (const { number, content } of fieldsOf(graph)) {
    if (number === GRAPH.input) inputs.push(readTensorInfo(content))
    else if (number === GRAPH.output) outputs.push(readTensorInfo(content))
    else if (number === GRAPH.initializer) initializers.add(textOf(content, TENSOR.name))
  }
  return { inputs: inputs.filter((input) => !initializers.has(input.name)), outputs }
}

function readTensorInfo(valueInfo: Uint8Array): TensorInfo {
  const [type] = contentsOf(valueInfo, VALUE_INFO.type)
  const [tensorType] = type ? contentsOf(type, TYPE.tensorType) : []
  const [shape] = tensorType ? contentsOf(tensorType, TENSOR_TYPE.shape) : []
  return {
    name: textOf(valueInfo, VALUE_INFO.name),
    elementType: tensorType && elementTypeOf(valueOf(tensorType, TENSOR_TYPE.elemType)),
    shape: shape ? contentsOf(shape, SHAPE.dim).map(readDimension) : [],
  }
}

/** Exporters write −1 or 0, too, for a size that is free. */
function readDimension(dimension: Uint8Array): number | string {
  const size = valueOf(dimension, DIMENSION.value)
  return size > 0 ? size : textOf(dimension, DIMENSION.param)
}

function elementTypeOf(number: number): ElementType | undefined {
  const names = Object.keys(ELEMENT_TYPES) as ElementType[]
  return names.find((name) => ELEMENT_TYPES[name] === number)
}
