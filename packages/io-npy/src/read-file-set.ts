import { Readable } from 'node:stream'
import type { EmbeddingBatch, PathBatch, SourceOf } from '@facekit/core'
import { checkPositiveInteger } from '@facekit/core'
import { batchRanges, batchRowsFor } from './batch-rows.js'
import type { FileSet, Shard } from './file-set.js'
import type { NpyFile } from './npy-file.js'
import { openNpy } from './npy-file.js'

/** How rows are cut into batches. */
export interface ReadFileSetOptions {
  /** Rows per batch; by default as many as make 2 MiB. A batch never spans two shards. */
  batchRows?: number
}

/** The rows of a file set in order. */
export function readEmbeddings(
  set: FileSet,
  { batchRows }: ReadFileSetOptions = {},
): SourceOf<EmbeddingBatch> {
  return streamOf(embeddingBatches(set, batchRows), batchRows)
}

/** The paths of a file set in order, without touching the embeddings. */
export function readPaths(set: FileSet, { batchRows }: ReadFileSetOptions = {}): SourceOf<PathBatch> {
  return streamOf(pathBatches(set, batchRows), batchRows)
}

function streamOf<T>(batches: AsyncGenerator<T>, batchRows: number | undefined): SourceOf<T> {
  if (batchRows !== undefined) checkPositiveInteger('batchRows', batchRows)
  // One batch waits, so that the disk reads while the consumer works.
  return Readable.from(batches, { objectMode: true, highWaterMark: 1 })
}

async function* embeddingBatches(
  { shards, dim, normalized }: FileSet,
  batchRows: number | undefined,
): AsyncGenerator<EmbeddingBatch> {
  let firstRow = 0
  for (const shard of shards) {
    const paths = await ShardPaths.open(shard, firstRow)
    try {
      const embs = await openNpy(shard.embs)
      try {
        // A one-dimensional file is one row.
        const wholeFile = embs.shape.length === 1
        const rows = batchRowsFor(batchRows, paths.rowBytes + dim * embs.dtype.itemBytes)
        for (const [start, end] of batchRanges(shard.rows, rows)) {
          const embeddings = await (wholeFile ? embs.readFloat32() : embs.readFloat32(start, end))
          yield { ...(await paths.read(start, end)), embeddings, dim, normalized }
        }
      } finally {
        await embs.close()
      }
    } finally {
      await paths.close()
    }
    firstRow += shard.rows
  }
}

async function* pathBatches({ shards }: FileSet, batchRows: number | undefined): AsyncGenerator<PathBatch> {
  let firstRow = 0
  for (const shard of shards) {
    const paths = await ShardPaths.open(shard, firstRow)
    try {
      const ranges = batchRanges(shard.rows, batchRowsFor(batchRows, paths.rowBytes))
      for (const [start, end] of ranges) yield await paths.read(start, end)
    } finally {
      await paths.close()
    }
    firstRow += shard.rows
  }
}

/** Paths and indices of one shard. */
class ShardPaths {
  readonly #fpaths: NpyFile
  readonly #indices: NpyFile | undefined
  readonly #firstRow: number

  private constructor(fpaths: NpyFile, indices: NpyFile | undefined, firstRow: number) {
    this.#fpaths = fpaths
    this.#indices = indices
    this.#firstRow = firstRow
  }

  static async open(shard: Shard, firstRow: number): Promise<ShardPaths> {
    const fpaths = await openNpy(shard.fpaths)
    try {
      const indices = shard.indices === undefined ? undefined : await openNpy(shard.indices)
      return new ShardPaths(fpaths, indices, firstRow)
    } catch (error) {
      await fpaths.close()
      throw error
    }
  }

  /** On disk. */
  get rowBytes(): number {
    return this.#fpaths.dtype.itemBytes + (this.#indices?.dtype.itemBytes ?? 0)
  }

  async read(start: number, end: number): Promise<PathBatch> {
    const paths = await this.#fpaths.readStrings(start, end)
    const indices = this.#indices
      ? await this.#indices.readUint32(start, end)
      : Uint32Array.from({ length: end - start }, (_, i) => this.#firstRow + start + i)
    return { indices, paths }
  }

  async close(): Promise<void> {
    await this.#fpaths.close()
    await this.#indices?.close()
  }
}
