/** The element types that face models use, by the names and numbers of onnx.proto's TensorProto.DataType. */
export const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
  float64: 11,
} as const

/** What the elements of a tensor are. */
export type ElementType = keyof typeof ELEMENT_TYPES

/** An input or output of a graph. */
export interface TensorInfo {
  name: string
  /** Undefined where the model uses a type outside `ElementType`. */
  elementType: ElementType | undefined
  /** Sizes; a name (or an empty string) where an axis is free. */
  shape: (number | string)[]
}

/** Integers, lists of integers and strings are what our nodes need. */
export type Attribute = number | readonly number[] | string

/** One operation of a graph, by the names of its inputs and outputs. */
export interface Node {
  opType: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes?: Readonly<Record<string, Attribute>>
  /** The operator set that the type belongs to; the standard one if left out. */
  domain?: string
}

/** A constant of the graph. */
export interface Initializer {
  name: string
  elementType: ElementType
  shape: readonly number[]
  /** Little-endian elements, row-major. */
  data: ArrayBufferView
}

/** What a model computes. */
export interface Graph {
  name: string
  inputs: readonly (TensorInfo & { elementType: ElementType })[]
  outputs: readonly (TensorInfo & { elementType: ElementType })[]
  nodes: readonly Node[]
  initializers: readonly Initializer[]
}

/** What a model file says of itself. */
export interface Model {
  /** Inputs that a caller feeds; initialisers that older files list among them are left out. */
  inputs: TensorInfo[]
  outputs: TensorInfo[]
  /** Version of the default operator set. */
  opset: number
  /** What its maker wrote beside the graph. */
  metadata: Readonly<Record<string, string>>
}

/** Key of a model's metadata: how pixels are brought into its graph, all of it inside, from uint8 RGB on. */
export const PREPROCESSING = 'facekit.preprocessing'

/** Key of a model's metadata: `true` where its embeddings have length 1. */
export const NORMALIZED = 'facekit.normalized'
