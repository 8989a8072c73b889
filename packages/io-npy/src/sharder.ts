import type { BatchWriter, Committed, EmbeddingBatch, SinkOf } from '@facekit/core'
import { OptionError, PendingFiles, WriterStream } from '@facekit/core'
import { checkShardSetOptions, ShardSet, type ShardSetOptions } from './shard-set.js'

/** Where embeddings go, and how they are cut into files. */
export interface ShardOptions extends ShardSetOptions {
  /** Folder for the files, created where it is missing; or files on their way there, which appear with these. */
  output: string | PendingFiles
}

/** Of an older set in the folder nothing is left. */
export interface ShardResult extends Committed {
  /** Names of the files in the output folder. */
  files: string[]
  rows: number
  /** 0 where no batch came and the options do not say. */
  dim: number
}

/** Takes `EmbeddingBatch`es. */
export interface NpySharder extends SinkOf<EmbeddingBatch> {
  /** Whether the files are in their places: also where the stream was destroyed while they were moved there. */
  readonly isCommitted: boolean
  /** What was written; there once the stream has finished. */
  readonly result: ShardResult
}

class ShardStream extends WriterStream<EmbeddingBatch> {
  readonly #shards: Shards

  constructor(options: ShardOptions) {
    const shards = new Shards(options)
    super(shards)
    this.#shards = shards
  }

  get isCommitted(): boolean {
    return this.#shards.result !== undefined
  }

  get result(): ShardResult {
    const { result } = this.#shards
    if (result === undefined) throw new Error('NpySharder.result is there only after the stream has finished')
    return result
  }
}

/**
 * Writes batches of embeddings as the file sets that `openFileSet` finds. All files appear together, when the stream
 * finishes; when it is destroyed, none does. Holds one batch at a time in memory.
 *
 *     const sharder = shardEmbeddings({ output })
 *     await pipeline(batches, sharder)
 *     console.log(sharder.result.files)
 */
export function shardEmbeddings(options: ShardOptions): NpySharder {
  return new ShardStream(options)
}

class Shards implements BatchWriter<EmbeddingBatch> {
  readonly #options: ShardOptions
  #pending: PendingFiles | undefined
  #set: ShardSet | undefined
  result: ShardResult | undefined

  constructor(options: ShardOptions) {
    if (options.output === '')
      throw new OptionError('Expected a folder for output but received an empty string')
    checkShardSetOptions(options)
    this.#options = options
  }

  async open(): Promise<void> {
    const { output } = this.#options
    this.#pending = typeof output === 'string' ? await PendingFiles.in(output, 'embeddings') : output
    this.#set = new ShardSet(this.#pending, this.#options)
  }

  async write(batch: EmbeddingBatch): Promise<void> {
    await this.#set!.append(batch)
    await this.#set!.forgetOlderMarks()
  }

  async finish(): Promise<void> {
    const { rows, dim } = this.#set!
    const files = await this.#set!.finish()
    const committed = await this.#pending!.commit()
    this.result = { files, rows, dim, ...committed }
  }

  async discard(): Promise<void> {
    await this.#set?.close()
    await this.#pending?.discard()
  }
}
