import { addAbortSignal, Readable } from 'node:stream'
import { batchSource, type EmbeddingBatch } from '@facekit/core'
import { DataType, MessageHeader, RecordBatchReader, type RecordBatch, type Schema } from 'apache-arrow'
import { ArrowError } from './errors.js'
import { END_OF_STREAM, invalid, readFrames } from './framing.js'

/**
 * Reads an Arrow IPC stream of embeddings, from facekit or any other writer: columns `index` (an integer type), `path`
 * (utf8) and `embedding` (fixed-size list of float32), in any order and without nulls.
 *
 * @param source bytes, cut anywhere; a stream is destroyed when this one is, also while it waits
 * @param name what to call it in errors
 * @returns Readable of `EmbeddingBatch`; a stream without rows gives one empty batch, which says what the schema does of
 * `dim` and `normalized`; it fails with ArrowError `ARROW_TRUNCATED`, `ARROW_INVALID`, `ARROW_SCHEMA`
 */
export function readArrow(source: AsyncIterable<Uint8Array>, name = 'stdin'): Readable {
  return batchSource((signal) => readBatches(source, name, signal))
}

async function* readBatches(
  source: AsyncIterable<Uint8Array>,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<EmbeddingBatch> {
  if (source instanceof Readable) addAbortSignal(signal, source)
  /** The schema message, and dictionaries if a foreign writer uses them: every batch is decoded with them. */
  const preamble: Uint8Array[] = []
  let empty = true
  for await (const { message, bytes } of readFrames(source, name)) {
    if (message.headerType !== MessageHeader.RecordBatch) preamble.push(bytes)
    else {
      yield toEmbeddingBatch(decode([...preamble, bytes, END_OF_STREAM], name), name)
      empty = false
    }
  }
  if (empty) yield toEmbeddingBatch(decode([...preamble, END_OF_STREAM], name), name)
}

function decode(parts: readonly Uint8Array[], name: string): RecordBatch {
  try {
    const { value } = RecordBatchReader.from(Buffer.concat(parts)).next()
    if (value) return value as RecordBatch
    throw new Error('no schema')
  } catch (cause) {
    throw invalid(name, cause)
  }
}

function toEmbeddingBatch(batch: RecordBatch, name: string): EmbeddingBatch {
  const index = batch.getChild('index')
  const path = batch.getChild('path')
  const embedding = batch.getChild('embedding')
  const list = embedding?.data[0]
  if (
    !index ||
    !path ||
    !list ||
    !DataType.isInt(index.type) ||
    !(DataType.isUtf8(path.type) || DataType.isLargeUtf8(path.type)) ||
    !DataType.isFixedSizeList(list.type) ||
    list.children[0]?.type.toString() !== 'Float32'
  ) {
    throw new ArrowError(
      'ARROW_SCHEMA',
      `Expected columns index (integer), path (utf8) and embedding (fixed-size list of float32) on ${name} but got ${batch.schema.fields.map(String).join(', ')}`,
    )
  }
  if (index.nullCount + path.nullCount + embedding.nullCount > 0) {
    throw new ArrowError('ARROW_SCHEMA', `Expected no nulls in the columns on ${name}`)
  }
  const dim = list.type.listSize
  const values = list.children[0].values as Float32Array
  const rows = Math.min(
    index.data[0]!.values.length,
    // No offset at all where there are no rows.
    Math.max(0, path.data[0]!.valueOffsets.length - 1),
    values.length / dim,
  )
  if (!(dim > 0 && batch.numRows <= rows)) throw invalid(name)
  return {
    indices: Uint32Array.from({ length: batch.numRows }, (_, row) => Number(index.get(row))),
    paths: Array.from({ length: batch.numRows }, (_, row) => String(path.get(row))),
    // A copy: the list may start at an odd offset of a buffer that many batches share.
    embeddings: values.slice(0, batch.numRows * dim),
    dim,
    normalized: isNormalized(batch.schema),
  }
}

function isNormalized(schema: Schema): boolean {
  return schema.metadata.get('facekit.normalized') === 'true'
}
