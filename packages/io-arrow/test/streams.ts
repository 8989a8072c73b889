import { Readable } from 'node:stream'
import type { EmbeddingBatch } from '@facekit/core'
import {
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  makeData,
  type Data,
  type DataType,
  Field,
} from 'apache-arrow'
import { readArrow, writeArrow } from '../src/index.js'

export function batchOf(start: number, rows: number, dim = 4): EmbeddingBatch {
  return {
    indices: Uint32Array.from({ length: rows }, (_, i) => start + i),
    paths: Array.from({ length: rows }, (_, i) => `faces/größe 😀/${start + i}.jpg`),
    embeddings: Float32Array.from({ length: rows * dim }, (_, i) => (start + i) / 7),
    dim,
    normalized: true,
  }
}

export async function bytesOf(batches: EmbeddingBatch[], dim = 4): Promise<Buffer> {
  const stage = writeArrow({ dim, normalized: true, modelHash: 'c0ffee' })
  return Buffer.concat((await Readable.from(batches).pipe(stage).toArray()) as Uint8Array[])
}

export async function batchesFrom(
  bytes: Uint8Array,
  chunkBytes = bytes.length || 1,
): Promise<EmbeddingBatch[]> {
  const chunks = function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
  return await readArrow(Readable.from(chunks())).toArray()
}

/** A stream of one batch of these columns, as apache-arrow writes it: it takes the arrays as they are. */
export function streamOf(
  columns: Readonly<Record<string, Data>>,
  rows: number,
  options?: ConstructorParameters<typeof RecordBatchStreamWriter>[0],
): Uint8Array {
  const fields = Object.entries(columns).map(([name, { type }]) => new Field(name, type as DataType, false))
  const schema = new Schema(fields, new Map([['facekit.normalized', 'true']]))
  const type = new Struct(fields)
  const children = Object.values(columns)
  const writer = new RecordBatchStreamWriter(options)
  writer.reset(undefined, schema)
  writer.write(new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children })))
  return writer.finish().toUint8Array(true)
}
