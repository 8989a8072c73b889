/** Field numbers of onnx.proto's messages, as far as they are read or written here. */
export const MODEL = {
  irVersion: 1,
  producerName: 2,
  graph: 7,
  opsetImport: 8,
  metadata: 14,
  function: 25,
} as const
export const OPERATOR_SET = { domain: 1, version: 2 } as const
export const FUNCTION = { node: 7 } as const
export const GRAPH = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  sparseInitializer: 15,
} as const
export const NODE = { input: 1, output: 2, opType: 4, attribute: 5, domain: 7 } as const
export const ATTRIBUTE = {
  name: 1,
  f: 2,
  i: 3,
  s: 4,
  tensor: 5,
  graph: 6,
  floats: 7,
  ints: 8,
  tensors: 10,
  graphs: 11,
  sparseTensor: 22,
  sparseTensors: 23,
  type: 20,
} as const
export const ATTRIBUTE_TYPE = { int: 2, string: 3, ints: 7 } as const
export const TENSOR = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  externalData: 13,
  dataLocation: 14,
} as const
export const SPARSE_TENSOR = { values: 1, indices: 2 } as const
/** Of metadata and of external data. */
export const ENTRY = { key: 1, value: 2 } as const
export const VALUE_INFO = { name: 1, type: 2 } as const
export const TYPE = { tensorType: 1 } as const
export const TENSOR_TYPE = { elemType: 1, shape: 2 } as const
export const SHAPE = { dim: 1 } as const
export const DIMENSION = { value: 1, param: 2 } as const
