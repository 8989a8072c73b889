import { rename } from 'node:fs/promises'
import type { EmbeddingBatch, PendingFiles } from '@facekit/core'
import { NpyWriter } from './npy-writer.js'
import { toInt64Bytes } from './numbers.js'
import { StringSpool } from './string-spool.js'

export type ShardFile = 'fpaths' | 'indices' | 'embs'
const SHARD_FILES: readonly ShardFile[] = ['fpaths', 'indices', 'embs']

/** The three files of one shard, written where nobody sees them until it is known what they will be called. */
export class ShardWriter {
  readonly #fpathsFile: string
  readonly #embs: NpyWriter
  readonly #indices: NpyWriter
  readonly #paths: StringSpool

  private constructor(fpathsFile: string, embs: NpyWriter, indices: NpyWriter, paths: StringSpool) {
    this.#fpathsFile = fpathsFile
    this.#embs = embs
    this.#indices = indices
    this.#paths = paths
  }

  static async create(pending: PendingFiles, number: number, dim: number): Promise<ShardWriter> {
    const opened: { close(): Promise<void> }[] = []
    try {
      const embs = await NpyWriter.create(scratchPath(pending, number, 'embs'), {
        descr: '<f4',
        rowShape: [dim],
      })
      opened.push(embs)
      const indices = await NpyWriter.create(scratchPath(pending, number, 'indices'), { descr: '<i8' })
      opened.push(indices)
      // Under one name for all shards: each takes the place of the one before.
      const paths = await StringSpool.create(pending.scratchPath('spool'))
      return new ShardWriter(scratchPath(pending, number, 'fpaths'), embs, indices, paths)
    } catch (error) {
      for (const file of opened) await file.close()
      throw error
    }
  }

  get rows(): number {
    return this.#indices.rows
  }

  /** Rows `start` to `end` of the batch. */
  async append(batch: EmbeddingBatch, start: number, end: number): Promise<void> {
    await this.#embs.append(batch.embeddings.subarray(start * batch.dim, end * batch.dim))
    await this.#paths.append(batch.paths.slice(start, end))
    await this.#indices.append(toInt64Bytes(batch.indices.subarray(start, end)))
  }

  /** Completes the files. */
  async finish(): Promise<void> {
    await this.#paths.writeNpy(this.#fpathsFile)
    await this.#embs.finish()
    await this.#indices.finish()
    await this.close()
  }

  /** Closes the files as they are. May be called again. */
  async close(): Promise<void> {
    await this.#embs.close()
    await this.#indices.close()
    await this.#paths.close()
  }
}

/** Makes the finished files of a shard pending under the names that `nameOf` gives. */
export async function nameShard(
  pending: PendingFiles,
  number: number,
  nameOf: (file: ShardFile) => string,
): Promise<string[]> {
  const names: string[] = []
  for (const file of SHARD_FILES) {
    const name = nameOf(file)
    await rename(scratchPath(pending, number, file), pending.path(name))
    names.push(name)
  }
  return names
}

function scratchPath(pending: PendingFiles, number: number, file: ShardFile): string {
  return pending.scratchPath(`shard-${number}-${file}`)
}
