import { isUtf8 } from 'node:buffer'
import type { EmbeddingBatch } from '@facekit/core'
import { ArrowError, MalformedError } from './errors.js'
import { sumOf, type Extent, type Field, type RecordBatch, type Schema } from './message.js'

type Numbers = ArrayLike<number | bigint>
type NumbersOf = { new (bytes: ArrayBuffer): Numbers; readonly BYTES_PER_ELEMENT: number }

const INDEX_TYPES = new Map<string, NumbersOf>([
  ['Int8', Int8Array],
  ['Int16', Int16Array],
  ['Int32', Int32Array],
  ['Int64', BigInt64Array],
  ['Uint8', Uint8Array],
  ['Uint16', Uint16Array],
  ['Uint32', Uint32Array],
  ['Uint64', BigUint64Array],
])

/** By the type of a path, that of the offsets into its bytes. */
const OFFSET_TYPES = new Map<string, NumbersOf>([
  ['Utf8', Int32Array],
  ['LargeUtf8', BigInt64Array],
])

/** Where a record batch has the columns of embeddings, and how they are written. */
export interface Columns {
  /** What comes before each column. */
  before: { index: Extent; path: Extent; embedding: Extent }
  indices: NumbersOf
  offsets: NumbersOf
  /** Length of an embedding. */
  dim: number
  /** What the metadata of the schema says. */
  normalized: boolean
}

const MAX_INDEX = 2 ** 32 - 1
/** A message lists no more columns than one reads. */
const MAX_LISTED = 20

/** @throws ArrowError `ARROW_SCHEMA`, `ARROW_UNSUPPORTED` */
export function findColumns({ fields, metadata, bigEndian }: Schema, name: string): Columns {
  if (bigEndian) {
    throw new ArrowError('ARROW_UNSUPPORTED', `Expected little-endian numbers on ${name} but got big-endian`)
  }
  const find = (column: string) => fields.find((field) => field.name === column)
  const [index, path, embedding] = [find('index'), find('path'), find('embedding')]
  const indices = INDEX_TYPES.get(index?.type ?? '')
  const offsets = OFFSET_TYPES.get(path?.type ?? '')
  if (
    !(index && path && embedding && indices && offsets) ||
    embedding.type !== 'FixedSizeList' ||
    embedding.listSize <= 0 ||
    embedding.children[0]?.type !== 'Float32'
  ) {
    const listed = fields.slice(0, MAX_LISTED).map((field) => `${field.name}: ${describe(field)}`)
    if (fields.length > MAX_LISTED) listed.push(`${fields.length - MAX_LISTED} more`)
    throw new ArrowError(
      'ARROW_SCHEMA',
      `Expected columns index (integer), path (utf8) and embedding (fixed-size list of float32) on ${name} but got ${listed.join(', ') || 'none'}`,
    )
  }
  const before = (field: Field) => sumOf(fields.slice(0, fields.indexOf(field)).map(({ extent }) => extent))
  return {
    before: { index: before(index), path: before(path), embedding: before(embedding) },
    indices,
    offsets,
    dim: embedding.listSize,
    normalized: metadata.get('facekit.normalized') === 'true',
  }
}

function describe({ type, listSize, children }: Field): string {
  return type === 'FixedSizeList' ? `${type}[${listSize}]<${children[0]?.type}>` : type
}

/**
 * Reads the columns of a record batch. Nothing is allocated before the bytes are there that fill it.
 *
 * @param firstRow of the batch in the stream
 * @throws MalformedError; ArrowError `ARROW_SCHEMA`, `ARROW_INDEX`, `ARROW_UNSUPPORTED`
 */
export function readRows(
  { before, indices, offsets, dim, normalized }: Columns,
  batch: RecordBatch,
  body: Uint8Array,
  name: string,
  firstRow: number,
): EmbeddingBatch {
  const { rows } = batch
  if (batch.compressed) {
    throw new ArrowError(
      'ARROW_UNSUPPORTED',
      `Expected buffers as they are on ${name} but got compressed ones. Write the stream without compression.`,
    )
  }
  const buffers = new BatchBuffers(batch, body)
  const columns = [before.index.nodes, before.path.nodes, before.embedding.nodes]
  for (const node of columns) {
    if (batch.nodes.get(node) !== rows)
      throw new MalformedError(`a column has ${batch.nodes.get(node)} rows and its batch ${rows}`)
  }
  // The values within the embeddings are an array of their own.
  if ([...columns, before.embedding.nodes + 1].some((node) => batch.nodes.get(node, 1) > 0))
    throw new ArrowError('ARROW_SCHEMA', `Expected no nulls in the columns on ${name}`)

  // The first buffer of each array is its bitmap of nulls.
  return {
    indices: toIndices(buffers.numbers(before.index, 1, indices, rows), name, firstRow),
    paths:
      rows === 0
        ? []
        : toTexts(buffers.numbers(before.path, 1, offsets, rows + 1), buffers.bytes(before.path, 2)),
    embeddings: new Float32Array(buffers.copy(before.embedding, 2, 4 * rows * dim)),
    dim,
    normalized,
  }
}

/** The buffers of a record batch, each checked against the bytes of the body. */
class BatchBuffers {
  readonly #batch: RecordBatch
  readonly #body: Uint8Array

  constructor(batch: RecordBatch, body: Uint8Array) {
    this.#batch = batch
    this.#body = body
  }

  /** The buffer at `place` of a column. */
  bytes({ buffers, views }: Extent, place: number): Uint8Array {
    let at = buffers + place
    for (let view = 0; view < views; view++) at += this.#batch.variadicBuffers.get(view)
    const start = this.#batch.buffers.get(at)
    const end = start + this.#batch.buffers.get(at, 1)
    if (end > this.#body.length)
      throw new MalformedError(`a buffer ends at byte ${end} of a body of ${this.#body.length}`)
    return this.#body.subarray(start, end)
  }

  /** The first `length` bytes of a buffer, in memory of their own: in the body they lie at any offset. */
  copy(column: Extent, place: number, length: number): ArrayBuffer {
    const bytes = this.bytes(column, place)
    if (bytes.length < length)
      throw new MalformedError(`a buffer has ${bytes.length} bytes where its rows need ${length}`)
    return new Uint8Array(bytes.subarray(0, length)).buffer
  }

  numbers(column: Extent, place: number, type: NumbersOf, count: number): Numbers {
    return new type(this.copy(column, place, count * type.BYTES_PER_ELEMENT))
  }
}

function toIndices(values: Numbers, name: string, firstRow: number): Uint32Array {
  return Uint32Array.from(values, (value, row) => {
    if (value >= 0 && value <= MAX_INDEX) return Number(value)
    throw new ArrowError(
      'ARROW_INDEX',
      `Expected an index from 0 to ${MAX_INDEX} in row ${firstRow + row} on ${name} but got ${value}. Number the images from 0.`,
    )
  })
}

function toTexts(offsets: Numbers, bytes: Uint8Array): string[] {
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: offsets.length - 1 }, (_, row) => {
    const [start, end] = [Number(offsets[row]), Number(offsets[row + 1])]
    if (!(start >= 0 && start <= end && end <= bytes.length))
      throw new MalformedError(`a path lies from byte ${start} to ${end} of ${bytes.length}`)
    if (!isUtf8(texts.subarray(start, end))) throw new MalformedError('a path is no UTF-8')
    return texts.toString('utf8', start, end)
  })
}
