import { MalformedError } from './errors.js'
import { FlatTable, type CountVector } from './flatbuffer.js'

// The tables of Message.fbs and Schema.fbs, https://github.com/apache/arrow/tree/main/format, as far as they are needed
// to find the buffers of a column. Each number given to a FlatTable is the place of a field in its table there.

/** `MessageHeader`, a union. */
export const HEADER = { schema: 1, dictionaryBatch: 2, recordBatch: 3 } as const

/** `MetadataVersion`; before it, all types but Null had a bitmap of nulls. */
const V5 = 4

/** Deeper types are nobody's. */
const MAX_DEPTH = 64

const NO_TYPE = ['unknown type', 0] as const

/**
 * The union `Type`: each type by its number, with its buffers before those of its children
 * (https://arrow.apache.org/docs/format/Columnar.html#buffer-listing-for-each-layout).
 */
const TYPES: readonly (readonly [name: string, buffers: number])[] = [
  NO_TYPE,
  ['Null', 0],
  ['Int', 2],
  ['FloatingPoint', 2],
  ['Binary', 3],
  ['Utf8', 3],
  ['Bool', 2],
  ['Decimal', 2],
  ['Date', 2],
  ['Time', 2],
  ['Timestamp', 2],
  ['Interval', 2],
  ['List', 2],
  ['Struct', 1],
  ['Union', 1],
  ['FixedSizeBinary', 2],
  ['FixedSizeList', 1],
  ['Map', 2],
  ['Duration', 2],
  ['LargeBinary', 3],
  ['LargeUtf8', 3],
  ['LargeList', 2],
  ['RunEndEncoded', 0],
  ['BinaryView', 2],
  ['Utf8View', 2],
  ['ListView', 3],
  ['LargeListView', 3],
]

export interface Message {
  /** One of `HEADER`; others are possible. */
  type: number
  header: FlatTable
  bodyLength: number
  version: number
}

export interface Schema {
  fields: Field[]
  metadata: Map<string, string>
  bigEndian: boolean
}

export interface Field {
  name: string
  /** As in `TYPES`; numbers with their width: `Uint32`, `Float32`; `Dictionary` where codes stand for values. */
  type: string
  /** Of a fixed-size list. */
  listSize: number
  children: Field[]
  /** What it takes of a record batch, its children included. */
  extent: Extent
}

export interface Extent {
  nodes: number
  buffers: number
  /** Arrays with a number of further buffers that each batch says. */
  views: number
}

/** Of an array of dictionary codes; values and their children come in messages of their own. */
const CODES: Extent = { nodes: 1, buffers: 2, views: 0 }

export interface RecordBatch {
  rows: number
  /** Length and nulls of each array. */
  nodes: CountVector
  /** Offset and bytes of each buffer in the body. */
  buffers: CountVector
  /** Further buffers of each array with views. */
  variadicBuffers: CountVector
  compressed: boolean
}

/** @throws MalformedError */
export function readMessage(metadata: Uint8Array): Message {
  const message = FlatTable.root(metadata)
  const header = message.table(2)
  if (!header) throw new MalformedError('it has no header')
  return { version: message.int16(0), type: message.uint8(1), header, bodyLength: message.count(3) }
}

/** @throws MalformedError */
export function readSchema({ type, header, version }: Message): Schema {
  if (type !== HEADER.schema) throw new MalformedError('it is not the schema, which comes first')
  return {
    bigEndian: header.int16(0) !== 0,
    fields: header.tables(1).map((field) => readField(field, version, 1)),
    metadata: new Map(header.tables(2).map((entry) => [entry.string(0), entry.string(1)])),
  }
}

/** @throws MalformedError */
export function readRecordBatch({ type, header }: Message): RecordBatch {
  if (type !== HEADER.recordBatch) throw new MalformedError(`it is of kind ${type}, and no record batch`)
  return {
    rows: header.count(0),
    nodes: header.counts(1, 2),
    buffers: header.counts(2, 2),
    compressed: header.table(3) !== undefined,
    variadicBuffers: header.counts(4),
  }
}

function readField(table: FlatTable, version: number, depth: number): Field {
  if (depth > MAX_DEPTH) throw new MalformedError(`its types are nested more than ${MAX_DEPTH} deep`)
  const [kind, buffers] = TYPES[table.uint8(2)] ?? NO_TYPE
  const type = table.table(3)
  const isDictionary = table.table(4) !== undefined
  const children = table.tables(5).map((child) => readField(child, version, depth + 1))
  const extent = { nodes: 1, buffers: buffers + furtherBuffers(kind, type, version), views: viewsOf(kind) }
  return {
    name: table.string(0),
    type: isDictionary ? 'Dictionary' : typeName(kind, type),
    listSize: kind === 'FixedSizeList' ? (type?.int32(0) ?? 0) : 0,
    children,
    extent: isDictionary ? CODES : sumOf([extent, ...children.map((child) => child.extent)]),
  }
}

export function sumOf(extents: readonly Extent[]): Extent {
  const sum = { nodes: 0, buffers: 0, views: 0 }
  for (const { nodes, buffers, views } of extents) {
    sum.nodes += nodes
    sum.buffers += buffers
    sum.views += views
  }
  return sum
}

/** Buffers that depend on more than the kind of a type. */
function furtherBuffers(kind: string, type: FlatTable | undefined, version: number): number {
  const hadBitmap = version < V5 && (kind === 'Union' || kind === 'RunEndEncoded')
  const isDenseUnion = kind === 'Union' && type?.int16(0) === 1
  return (hadBitmap ? 1 : 0) + (isDenseUnion ? 1 : 0)
}

function viewsOf(kind: string): number {
  return kind === 'BinaryView' || kind === 'Utf8View' ? 1 : 0
}

function typeName(kind: string, type: FlatTable | undefined): string {
  if (kind === 'Int') return `${type?.uint8(1) ? 'Int' : 'Uint'}${type?.int32(0)}`
  if (kind === 'FloatingPoint') return ['Float16', 'Float32', 'Float64'][type?.int16(0) ?? 0] ?? kind
  return kind
}
