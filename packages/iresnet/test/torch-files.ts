import { crc32, deflateRawSync } from 'node:zlib'

// PyTorch files made by other means than the code under test. A pickle is put together from the pickles of its parts.

export type Pickled = Buffer

const latin1 = (bytes: string) => Buffer.from(bytes, 'latin1')

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return bytes
}

export const none: Pickled = latin1('N')

export function text(value: string): Pickled {
  const bytes = Buffer.from(value)
  return Buffer.concat([latin1('X'), uint32(bytes.length), bytes])
}

export function integer(value: number): Pickled {
  return Buffer.concat([latin1('\x8a\x08'), int64(value)])
}

export function tuple(...items: readonly Pickled[]): Pickled {
  return Buffer.concat([latin1('('), ...items, latin1('t')])
}

export function list(...items: readonly Pickled[]): Pickled {
  return Buffer.concat([latin1(']('), ...items, latin1('e')])
}

export function dict(entries: Readonly<Record<string, Pickled>>): Pickled {
  const items = Object.entries(entries).flatMap(([key, value]) => [text(key), value])
  return Buffer.concat([latin1('}('), ...items, latin1('u')])
}

/** @param name module and name */
export function named(name: string): Pickled {
  const dot = name.lastIndexOf('.')
  return latin1(`c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`)
}

export function call(name: string, ...args: readonly Pickled[]): Pickled {
  return Buffer.concat([named(name), tuple(...args), latin1('R')])
}

export function withState(object: Pickled, state: Pickled): Pickled {
  return Buffer.concat([object, state, latin1('b')])
}

export function pickle(value: Pickled): Buffer {
  return Buffer.concat([latin1('\x80\x02'), value, latin1('.')])
}

export interface TensorSpec {
  /** `FloatStorage`, or with its module. */
  storage?: string
  key?: string
  /** Numbers in the storage. */
  count: number
  offset?: number
  shape: readonly number[]
  /** Row-major where they are left out. */
  strides?: readonly number[]
  /** Of the older format: key, offset, length. */
  view?: readonly [string, number, number]
  /** In place of `_rebuild_tensor_v2`; gets the dtype then. */
  dtype?: string
}

export function storage({ storage: type = 'FloatStorage', key = '0', count, view }: TensorSpec): Pickled {
  const id = [
    text('storage'),
    named(type.includes('.') ? type : `torch.${type}`),
    text(key),
    text('cpu'),
    integer(count),
    ...(view ? [tuple(text(view[0]), integer(view[1]), integer(view[2]))] : []),
  ]
  return Buffer.concat([tuple(...id), latin1('Q')])
}

export function tensor(spec: TensorSpec): Pickled {
  const { offset = 0, shape, dtype } = spec
  const rowMajor = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, length) => product * length, 1),
  )
  const args = [
    storage(spec),
    integer(offset),
    tuple(...shape.map(integer)),
    tuple(...(spec.strides ?? rowMajor).map(integer)),
    latin1('\x89'),
    call('collections.OrderedDict'),
  ]
  return dtype === undefined
    ? call('torch._utils._rebuild_tensor_v2', ...args)
    : call('torch._utils._rebuild_tensor_v3', ...args, named(dtype))
}

export interface EntrySpec {
  data: Uint8Array
  deflate?: boolean
  /** What the directory says in place of the truth. */
  crc?: number
  size?: number
  method?: number
}

/** A zip file. */
export function zip(entries: Readonly<Record<string, EntrySpec>>): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let position = 0
  for (const [
    name,
    { data, deflate = false, crc = crc32(data), size = data.length, method },
  ] of Object.entries(entries)) {
    const packed = deflate ? deflateRawSync(data) : Buffer.from(data)
    const stored = !deflate && size !== data.length ? size : packed.length
    // From the version that is needed up to the lengths of name and extra field.
    const facts = Buffer.alloc(26)
    facts.writeUInt16LE(20, 0)
    facts.writeUInt16LE(method ?? (deflate ? 8 : 0), 4)
    facts.writeUInt32LE(crc, 10)
    facts.writeUInt32LE(stored, 14)
    facts.writeUInt32LE(size, 18)
    facts.writeUInt16LE(name.length, 22)
    // PyTorch pads the extra field so that data start at a multiple of 64.
    const padding = (64 - ((position + 30 + name.length + 4) % 64)) % 64
    const extra = Buffer.concat([latin1('FB'), Buffer.from([padding, 0]), Buffer.alloc(padding, 'Z')])
    const local = Buffer.from(facts)
    local.writeUInt16LE(extra.length, 24)
    directory.push(latin1('PK\x01\x02\x14\0'), facts, Buffer.alloc(10), uint32(position), latin1(name))
    parts.push(latin1('PK\x03\x04'), local, latin1(name), extra, packed)
    position += 30 + name.length + extra.length + packed.length
  }
  const count = Object.keys(entries).length
  const listed = Buffer.concat(directory)
  const end = Buffer.alloc(14)
  end.writeUInt16LE(count, 4)
  end.writeUInt16LE(count, 6)
  end.writeUInt32LE(listed.length, 8)
  return Buffer.concat([
    ...parts,
    listed,
    latin1('PK\x05\x06'),
    end.subarray(0, 12),
    uint32(position),
    Buffer.alloc(2),
  ])
}

/** What torch.save writes. */
export function torchZip(
  value: Pickled,
  storages: Readonly<Record<string, EntrySpec | Uint8Array>>,
  more: Readonly<Record<string, string>> = {},
): Buffer {
  const entries = Object.entries(storages).map(([key, spec]) => [
    `archive/data/${key}`,
    'data' in spec ? spec : { data: spec },
  ])
  const others = Object.entries({ version: '3\n', ...more }).map(([key, content]) => [
    `archive/${key}`,
    { data: latin1(content) },
  ])
  return zip(Object.fromEntries([['archive/data.pkl', { data: pickle(value) }], ...entries, ...others]))
}

/** What torch.save wrote before PyTorch 1.6. */
export function torchLegacy(
  value: Pickled,
  storages: readonly { key: string; count: number; data: Uint8Array }[],
): Buffer {
  return Buffer.concat([
    pickle(latin1('\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19')),
    pickle(latin1('M\xe9\x03')),
    pickle(dict({ protocol_version: integer(1001), little_endian: latin1('\x88') })),
    pickle(value),
    pickle(list(...storages.map(({ key }) => text(key)))),
    ...storages.flatMap(({ count, data }) => [int64(count), data]),
  ])
}

export function bytesOf(numbers: ArrayBufferView): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

export interface SafetensorSpec {
  dtype?: unknown
  shape?: unknown
  data_offsets?: unknown
}

/** What safetensors writes. @param header may be anything, also as text */
export function safetensors(
  header: Readonly<Record<string, SafetensorSpec | Record<string, string>>> | string,
  data: Uint8Array,
  length?: bigint,
): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(length ?? BigInt(json.length))
  return Buffer.concat([size, json, data])
}
