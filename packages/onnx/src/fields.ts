/** Field numbers of onnx.proto's messages, as far as they are read or written here. */
export const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, metadata: 14 } as const
export const METADATA = { key: 1, value: 2 } as const
export const OPERATOR_SET = { domain: 1, version: 2 } as const
export const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const
export const NODE = { input: 1, output: 2, opType: 4, attribute: 5, domain: 7 } as const
export const ATTRIBUTE = { name: 1, i: 3, s: 4, ints: 8, type: 20 } as const
export const ATTRIBUTE_TYPE = { int: 2, string: 3, ints: 7 } as const
export const TENSOR = { dims: 1, dataType: 2, name: 8, rawData: 9 } as const
export const VALUE_INFO = { name: 1, type: 2 } as const
export const TYPE = { tensorType: 1 } as const
export const TENSOR_TYPE = { elemType: 1, shape: 2 } as const
export const SHAPE = { dim: 1 } as const
export const DIMENSION = { value: 1, param: 2 } as const
