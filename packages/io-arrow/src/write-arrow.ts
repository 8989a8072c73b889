import { Transform } from 'node:stream'
import { checkPositiveInteger, type EmbeddingBatch, type StageOf } from '@facekit/core'
import {
  Float32,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Struct,
  Uint32,
  Utf8,
  vectorFromArray,
  type Schema,
} from 'apache-arrow'
import { END_OF_STREAM } from './framing.js'
import { embeddingSchema, embeddingType, type StreamMetadata } from './schema.js'

/**
 * Stage: `EmbeddingBatch` in, the bytes of an Arrow IPC stream out. The end marker is written only after the last
 * batch, so that a stream whose writer failed cannot pass for a complete one.
 */
export function writeArrow(metadata: StreamMetadata): StageOf<EmbeddingBatch, Uint8Array> {
  checkPositiveInteger('dim', metadata.dim)
  const schema = embeddingSchema(metadata)
  const schemaLength = streamOf(schema, []).length - END_OF_STREAM.length
  return new Transform({
    writableObjectMode: true,
    writableHighWaterMark: 1,
    construct(callback) {
      this.push(streamOf(schema, []).subarray(0, schemaLength))
      callback()
    },
    transform(batch: EmbeddingBatch, _encoding, callback) {
      if (batch.indices.length === 0) return callback()
      const stream = streamOf(schema, [toRecordBatch(schema, batch)])
      callback(null, stream.subarray(schemaLength, stream.length - END_OF_STREAM.length))
    },
    flush(callback) {
      callback(null, END_OF_STREAM)
    },
  })
}

/** A whole stream: schema, batches, end marker. */
function streamOf(schema: Schema, batches: readonly RecordBatch[]): Uint8Array {
  const writer = new RecordBatchStreamWriter()
  writer.reset(undefined, schema)
  for (const batch of batches) writer.write(batch)
  return writer.finish().toUint8Array(true)
}

function toRecordBatch(schema: Schema, batch: EmbeddingBatch): RecordBatch {
  const length = batch.indices.length
  const values = makeData({ type: new Float32(), data: batch.embeddings })
  return new RecordBatch(
    schema,
    makeData({
      type: new Struct(schema.fields),
      length,
      nullCount: 0,
      children: [
        makeData({ type: new Uint32(), data: batch.indices }),
        vectorFromArray(batch.paths, new Utf8()).data[0]!,
        makeData({ type: embeddingType(batch.dim), length, nullCount: 0, child: values }),
      ],
    }),
  )
}
