import { PickleDict } from '@facekit/pickle'
import type { IresnetError } from '../errors.js'
import { DeclaredStorage, DeclaredTensor } from './declared.js'
import { ITEM_BYTES } from './dtypes.js'
import type { InputFile } from './input-file.js'
import { elementsOf, rowMajor } from './layout.js'
import type { TorchContent } from './storage.js'
import type { TorchDtype } from './torch-tensor.js'

/** The length of the header stands before it. */
const LENGTH_BYTES = 8
/** Fifty thousand tensors have a header of this size. */
const MAX_HEADER_BYTES = 8 * 1024 * 1024
/** As in a PyTorch file. */
const MAX_AXES = 64
/** Beside the tensors: strings about the file. */
const METADATA = '__metadata__'
/** For messages. */
const MAX_NAME = 100

const DTYPES: Readonly<Record<string, TorchDtype>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
}

/** A tensor's place in the data, in bytes. */
interface Part {
  name: string
  start: number
  end: number
}

/**
 * A safetensors file: the length of a header, the header as JSON, which says where the numbers of each tensor are, and
 * the numbers, little-endian. They fill the rest of the file, without gaps.
 */
export async function openSafetensors(file: InputFile): Promise<TorchContent> {
  const head = Buffer.alloc(LENGTH_BYTES)
  await file.read(head, 0)
  const length = head.readBigUInt64LE()
  if (length > MAX_HEADER_BYTES) {
    throw file.damaged(
      `begins as a safetensors file with a header of ${length} bytes, expected at most ${MAX_HEADER_BYTES}`,
    )
  }
  const bytes = Buffer.alloc(Number(length))
  await file.read(bytes, LENGTH_BYTES)
  const dataStart = LENGTH_BYTES + bytes.length
  const root = new PickleDict()
  const parts = new Map<string, Part>()
  for (const [name, entry] of Object.entries(parseHeader(file, bytes))) {
    if (name === METADATA) continue
    const { tensor, part } = readEntry(file, name, entry)
    parts.set(name, part)
    root.set(name, tensor)
  }
  checkParts(file, [...parts.values()], file.size - dataStart)
  return {
    root,
    storageOf: ({ key }) => {
      const position = dataStart + parts.get(key)!.start
      return { bigEndian: false, read: (into, start) => file.read(into, position + start) }
    },
  }
}

function parseHeader(file: InputFile, bytes: Buffer): object {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (isObject(header)) return header
  } catch (error) {
    throw file.damaged(
      `is a damaged safetensors file: its header is no JSON: ${(error as Error).message}`,
      error,
    )
  }
  throw file.damaged('is a damaged safetensors file: its header is no object')
}

function readEntry(file: InputFile, name: string, entry: unknown): { tensor: DeclaredTensor; part: Part } {
  const {
    dtype: type,
    shape,
    data_offsets: offsets,
  } = (isObject(entry) ? entry : {}) as Record<string, unknown>
  if (typeof type !== 'string' || !isCounts(shape) || shape.length > MAX_AXES || !isCounts(offsets)) {
    throw damaged(file, name, 'has no dtype, shape and data_offsets that can be read')
  }
  const dtype = Object.hasOwn(DTYPES, type) ? DTYPES[type]! : undefined
  if (dtype === undefined) {
    throw file.damaged(
      `has a tensor ${name.slice(0, MAX_NAME)} of ${type.slice(0, MAX_NAME)}, expected ${Object.keys(DTYPES).join(', ')}`,
    )
  }
  const [start = 0, end = 0] = offsets
  const expected = elementsOf(shape) * ITEM_BYTES[dtype]
  if (offsets.length !== 2 || end - start !== expected) {
    throw damaged(file, name, `has ${end - start} bytes, expected ${expected} for its shape`)
  }
  const storage = new DeclaredStorage(name, dtype, end - start)
  const layout = { offset: 0, shape, strides: rowMajor(shape) }
  return { tensor: new DeclaredTensor(storage, dtype, layout), part: { name, start, end } }
}

/** Each tensor begins where another ends, the first at 0, and the last ends with the file. */
function checkParts(file: InputFile, parts: Part[], dataBytes: number): void {
  let position = 0
  for (const { name, start, end } of parts.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== position) {
      throw damaged(
        file,
        name,
        `begins at byte ${start} of the data, expected ${position}: tensors overlap or leave a gap`,
      )
    }
    position = end
  }
  if (position !== dataBytes) {
    throw file.damaged(
      `has ${dataBytes} bytes of tensors, expected ${position}: was it cut short, or not written by safetensors?`,
    )
  }
}

function damaged(file: InputFile, name: string, problem: string): IresnetError {
  return file.damaged(`is a damaged safetensors file: its tensor ${name.slice(0, MAX_NAME)} ${problem}`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
