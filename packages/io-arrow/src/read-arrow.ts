import { addAbortSignal, Readable } from 'node:stream'
import { batchSource, iterate, type BatchesOf, type EmbeddingBatch, type SourceOf } from '@facekit/core'
import { findColumns, readRows, type Columns } from './columns.js'
import { checkMessage } from './errors.js'
import { noArrow, readFrames } from './framing.js'
import { HEADER, readRecordBatch, readSchema } from './message.js'

/**
 * Reads an Arrow IPC stream of embeddings, from facekit or any other writer: columns `index` (an integer type), `path`
 * (utf8) and `embedding` (fixed-size list of float32), in any order and without nulls. Nothing that the stream says is
 * trusted: memory and time are bounded by the bytes that come.
 *
 * @param source bytes, cut anywhere; a stream is destroyed when this one is, also while it waits
 * @param name what to call it in errors
 * @returns a stream without rows gives one empty batch, which says what the schema does of
 * `dim` and `normalized`; it fails with ArrowError `ARROW_TRUNCATED`, `ARROW_INVALID`, `ARROW_SCHEMA`, `ARROW_INDEX`,
 * `ARROW_UNSUPPORTED`
 */
export function readArrow(source: BatchesOf<Uint8Array>, name = 'stdin'): SourceOf<EmbeddingBatch> {
  return batchSource((signal) => readBatches(iterate(source), name, signal))
}

async function* readBatches(
  source: AsyncIterable<Uint8Array>,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<EmbeddingBatch> {
  if (source instanceof Readable) addAbortSignal(signal, source)
  let columns: Columns | undefined
  let rows = 0
  let batches = 0
  for await (const { number, message, body } of readFrames(source, name)) {
    const batch = checkMessage(name, number, () => {
      if (!columns) columns = findColumns(readSchema(message), name)
      // Dictionaries belong to columns that are not read.
      else if (message.type !== HEADER.dictionaryBatch)
        return readRows(columns, readRecordBatch(message), body, name, rows)
      return undefined
    })
    if (!batch) continue
    yield batch
    rows += batch.indices.length
    batches++
  }
  if (!columns) throw noArrow(name)
  if (batches === 0) yield emptyBatch(columns)
}

function emptyBatch({ dim, normalized }: Columns): EmbeddingBatch {
  return { indices: new Uint32Array(), paths: [], embeddings: new Float32Array(), dim, normalized }
}
