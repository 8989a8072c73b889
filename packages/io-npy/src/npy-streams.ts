import { Readable } from 'node:stream'
import { checkPositiveInteger, OneFile, WriterStream, type SinkOf, type SourceOf } from '@facekit/core'
import { batchRanges, batchRowsFor } from './batch-rows.js'
import { NpyError } from './errors.js'
import { openNpy } from './npy-file.js'
import { NpyWriter } from './npy-writer.js'

/** How rows are cut into batches. */
export interface ReadNpyOptions {
  /** Rows per batch; by default as many as make 2 MiB. */
  batchRows?: number
}

/**
 * The rows of a numeric NPY file as batches, each batchRows × rowLength float32 (the last
 * one fewer), row-major.
 */
export function readNpy(file: string, { batchRows }: ReadNpyOptions = {}): SourceOf<Float32Array> {
  if (batchRows !== undefined) checkPositiveInteger('batchRows', batchRows)
  // One batch waits, so that the disk reads while the consumer works.
  return Readable.from(rowBatches(file, batchRows), { objectMode: true, highWaterMark: 1 })
}

async function* rowBatches(file: string, batchRows: number | undefined): AsyncGenerator<Float32Array> {
  const npy = await openNpy(file)
  try {
    const rows = batchRowsFor(batchRows, npy.rowLength * npy.dtype.itemBytes)
    for (const [start, end] of batchRanges(npy.rows, rows)) yield await npy.readFloat32(start, end)
  } finally {
    await npy.close()
  }
}

/** What an array is made of. */
export interface WriteNpyOptions {
  /** Elements per row. */
  rowLength: number
}

/**
 * Writes batches of rows (`Float32Array`, n × rowLength, row-major) as an n×rowLength float32 array. The file appears
 * under its name when it is complete, and not at all when the stream is destroyed.
 */
export function writeNpy(file: string, { rowLength }: WriteNpyOptions): SinkOf<Float32Array> {
  checkPositiveInteger('rowLength', rowLength)
  let pending: OneFile | undefined
  let writer: NpyWriter | undefined
  return new WriterStream<Float32Array>({
    async open() {
      pending = await OneFile.at(file)
      writer = await NpyWriter.create(pending.path, { descr: '<f4', rowShape: [rowLength] })
    },
    async write(batch) {
      if (!(batch instanceof Float32Array))
        throw new NpyError('NPY_BATCH', file, 'expected batches of Float32Array')
      await writer?.append(batch)
    },
    async finish() {
      await writer?.finish()
      await pending?.commit()
    },
    async discard() {
      await writer?.close()
      await pending?.discard()
    },
  })
}
