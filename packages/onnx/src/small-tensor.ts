import { getFloat16 } from '@petamoriken/float16'
import { TENSOR } from './fields.js'
import { ELEMENT_TYPES } from './model.js'
import { doublesOf, fieldsOf, floatsOf, integersOf, valueOf } from './wire.js'

/** A constant of a few numbers. */
export interface SmallTensor {
  shape: readonly number[]
  /** Row-major. */
  values: readonly number[]
}

/** What an arithmetic operator takes beside an image: a number, or one for each channel. */
const MAX_VALUES = 3

interface Encoding {
  /** Of an element in `raw_data`. */
  bytes: number
  read(data: DataView, at: number): number
  /** Elements where there is no `raw_data`. */
  listed(tensor: Uint8Array): number[]
}

const { float32, float16, float64, int32, int64 } = ELEMENT_TYPES

const ENCODINGS: Readonly<Record<number, Encoding>> = {
  [float32]: {
    bytes: 4,
    read: (data, at) => data.getFloat32(at, true),
    listed: (tensor) => floatsOf(tensor, TENSOR.floatData),
  },
  [float16]: {
    bytes: 2,
    read: (data, at) => getFloat16(data, at, true),
    listed: (tensor) => integersOf(tensor, TENSOR.int32Data).map(halfOfBits),
  },
  [float64]: {
    bytes: 8,
    read: (data, at) => data.getFloat64(at, true),
    listed: (tensor) => doublesOf(tensor, TENSOR.doubleData),
  },
  [int32]: {
    bytes: 4,
    read: (data, at) => data.getInt32(at, true),
    listed: (tensor) => integersOf(tensor, TENSOR.int32Data),
  },
  [int64]: {
    bytes: 8,
    read: (data, at) => Number(data.getBigInt64(at, true)),
    listed: (tensor) => integersOf(tensor, TENSOR.int64Data),
  },
}

/** The numbers of a TensorProto; undefined where they are many, of another type, or in another file. */
export function readSmallTensor(tensor: Uint8Array): SmallTensor | undefined {
  const encoding = ENCODINGS[valueOf(tensor, TENSOR.dataType)]
  const shape = integersOf(tensor, TENSOR.dims)
  const count = shape.reduce((product, size) => product * size, 1)
  if (!encoding || valueOf(tensor, TENSOR.dataLocation) !== 0) return undefined
  if (!(count >= 1 && count <= MAX_VALUES)) return undefined
  const values = rawValues(tensor, encoding) ?? encoding.listed(tensor)
  return values.length === count ? { shape, values } : undefined
}

function rawValues(tensor: Uint8Array, { bytes, read }: Encoding): number[] | undefined {
  const raw = [...fieldsOf(tensor)].findLast(({ number }) => number === TENSOR.rawData)?.content
  if (!raw) return undefined
  const data = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  return Array.from({ length: Math.floor(raw.byteLength / bytes) }, (_, i) => read(data, i * bytes))
}

function halfOfBits(bits: number): number {
  return getFloat16(new DataView(Uint16Array.of(bits).buffer), 0, true)
}
