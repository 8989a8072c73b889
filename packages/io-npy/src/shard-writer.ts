import { rename } from 'node:fs/promises'
import { isFileMark, runDamaged, type EmbeddingBatch, type FileMark } from '@facekit/core'
import type { PendingFiles } from '@facekit/core'
import { NpyWriter } from './npy-writer.js'
import { toInt64Bytes } from './numbers.js'
import { isSpoolMark, StringSpool, type SpoolMark } from './string-spool.js'

export type ShardFile = 'fpaths' | 'indices' | 'embs'
export const SHARD_FILES: readonly ShardFile[] = ['fpaths', 'indices', 'embs']

/** How far a shard was written. */
export interface ShardMark {
  embs: FileMark
  indices: FileMark
  paths: SpoolMark
}

export function isShardMark(value: unknown): value is ShardMark {
  if (typeof value !== 'object' || value === null) return false
  const { embs, indices, paths } = value as Record<keyof ShardMark, unknown>
  return isFileMark(embs) && isFileMark(indices) && isSpoolMark(paths)
}

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
    return ShardWriter.#open(pending, number, {
      embs: (file) => NpyWriter.create(file, embsOf(dim)),
      indices: (file) => NpyWriter.create(file, INDICES),
      paths: (file) => StringSpool.create(file),
    })
  }

  /** @throws FacekitError `RUN_DAMAGED` if the files do not hold what was marked */
  static async reopen(
    pending: PendingFiles,
    number: number,
    dim: number,
    mark: ShardMark,
  ): Promise<ShardWriter> {
    const shard = await ShardWriter.#open(pending, number, {
      embs: (file) => NpyWriter.reopen(file, embsOf(dim), mark.embs),
      indices: (file) => NpyWriter.reopen(file, INDICES, mark.indices),
      paths: (file) => StringSpool.reopen(file, mark.paths),
    })
    if (shard.#embs.rows === shard.rows) return shard
    await shard.close()
    throw runDamaged(shard.#embs.file, `it has ${shard.#embs.rows} rows and its indices ${shard.rows}`)
  }

  static async #open(
    pending: PendingFiles,
    number: number,
    open: {
      embs: (file: string) => Promise<NpyWriter>
      indices: (file: string) => Promise<NpyWriter>
      paths: (file: string) => Promise<StringSpool>
    },
  ): Promise<ShardWriter> {
    const opened: { close(): Promise<void> }[] = []
    try {
      const embs = await open.embs(scratchPath(pending, number, 'embs'))
      opened.push(embs)
      const indices = await open.indices(scratchPath(pending, number, 'indices'))
      opened.push(indices)
      const paths = await open.paths(scratchPath(pending, number, 'spool'))
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

  /** Where `reopen` goes on, also after `finish`. All rows are on the disk then. */
  async mark(): Promise<ShardMark> {
    return {
      embs: await this.#embs.mark(),
      indices: await this.#indices.mark(),
      paths: await this.#paths.mark(),
    }
  }

  /** Completes the files. The spool of paths stays, for whoever goes on from a mark. */
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

const INDICES = { descr: '<i8' }

function embsOf(dim: number) {
  return { descr: '<f4', rowShape: [dim] }
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

/** Where a file of a shard is until it is named; its paths wait in the spool. */
export function scratchPath(pending: PendingFiles, number: number, file: ShardFile | 'spool'): string {
  return pending.scratchPath(`shard-${number}-${file}`)
}
