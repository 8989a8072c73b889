import type { Committed, EmbeddingBatch } from '@facekit/core'
import { checkPositiveInteger, OptionError, PendingFiles } from '@facekit/core'
import { NpyError } from './errors.js'
import { embeddingsPart, memberName } from './file-names.js'
import type { ShardFile } from './shard-writer.js'
import { nameShard, ShardWriter } from './shard-writer.js'
import type { BatchWriter } from './writer-stream.js'
import { WriterStream } from './writer-stream.js'

const DEFAULT_SPLIT_THRESHOLD = 1_000_000

export interface ShardOptions {
  /** Folder for the files, created where it is missing; or files on their way there, which appear with these. */
  output: string | PendingFiles
  /** Up to this many rows become one merged set, `final_…`; above, numbered sets of this many rows. */
  splitThreshold?: number
  /** `false`: numbered sets of `splitThreshold` rows also where one would do. */
  merge?: boolean
  /** Length of the rows, for when no batch comes to say it. Others are refused. */
  dim?: number
  /** Whether the rows are L2-normalised, for when no batch comes to say it. Others are refused. */
  normalized?: boolean
}

/** Of an older set in the folder nothing is left. */
export interface ShardResult extends Committed {
  /** Names of the files in the output folder. */
  files: string[]
  rows: number
  /** 0 where no batch came and the options do not say. */
  dim: number
}

/** An object-mode `Writable` of `EmbeddingBatch`. */
export class NpySharder extends WriterStream<EmbeddingBatch> {
  readonly #shards: Shards

  constructor(options: ShardOptions) {
    const shards = new Shards(options)
    super(shards)
    this.#shards = shards
  }

  /** Whether the files are in their places: also where the stream was destroyed while they were moved there. */
  get isCommitted(): boolean {
    return this.#shards.result !== undefined
  }

  /** What was written; there once the stream has finished. */
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
  return new NpySharder(options)
}

class Shards implements BatchWriter<EmbeddingBatch> {
  readonly #output: string | PendingFiles
  readonly #merge: boolean
  readonly #rowsPerShard: number
  #pending: PendingFiles | undefined
  /** Shards so far, the open one included. */
  #shards = 0
  #open: ShardWriter | undefined
  #dim: number | undefined
  #normalized: boolean | undefined
  #rows = 0
  result: ShardResult | undefined

  constructor({
    output,
    splitThreshold = DEFAULT_SPLIT_THRESHOLD,
    merge = true,
    dim,
    normalized,
  }: ShardOptions) {
    if (output === '') throw new OptionError('Expected a folder for output but received an empty string')
    checkPositiveInteger('splitThreshold', splitThreshold)
    if (dim !== undefined) checkPositiveInteger('dim', dim)
    this.#output = output
    this.#merge = merge
    this.#rowsPerShard = splitThreshold
    this.#dim = dim
    this.#normalized = normalized
  }

  async open(): Promise<void> {
    this.#pending =
      typeof this.#output === 'string' ? await PendingFiles.in(this.#output, 'embeddings') : this.#output
  }

  async write(batch: EmbeddingBatch): Promise<void> {
    this.#check(batch)
    const rows = batch.paths.length
    for (let start = 0; start < rows;) {
      // Opened only for a row that comes, so that a full shard stays the last where none does.
      this.#open ??= await this.#openShard()
      const end = Math.min(rows, start + this.#rowsPerShard - this.#open.rows)
      await this.#open.append(batch, start, end)
      this.#rows += end - start
      start = end
      if (this.#open.rows === this.#rowsPerShard) await this.#finishShard()
    }
  }

  async finish(): Promise<void> {
    if (this.#shards === 0) this.#open = await this.#openShard()
    if (this.#open) await this.#finishShard()
    const files = await this.#nameFiles()
    const committed = await this.#pending!.commit()
    this.result = { files, rows: this.#rows, dim: this.#dim ?? 0, ...committed }
  }

  async discard(): Promise<void> {
    await this.#open?.close()
    await this.#pending?.discard()
  }

  #check({ indices, paths, embeddings, dim, normalized }: EmbeddingBatch): void {
    const refuse = (message: string) => new NpyError('NPY_BATCH', this.#pending!.output, message)
    const rows = paths.length
    if (indices.length !== rows || embeddings.length !== rows * dim) {
      throw refuse(
        `got a batch of ${rows} paths, ${indices.length} indices and ${embeddings.length} values of dim ${dim}: they do not fit together`,
      )
    }
    this.#dim ??= checkPositiveInteger('dim', dim)
    this.#normalized ??= normalized
    if (dim !== this.#dim) throw refuse(`got a batch of dim ${dim}, expected ${this.#dim} as before`)
    if (normalized !== this.#normalized) {
      const expected = this.#normalized ? 'L2-normalised' : 'not L2-normalised'
      throw refuse(`got a batch with normalized: ${normalized}, expected rows that are ${expected} as before`)
    }
  }

  async #openShard(): Promise<ShardWriter> {
    return ShardWriter.create(this.#pending!, this.#shards++, this.#dim ?? 0)
  }

  async #finishShard(): Promise<void> {
    await this.#open?.finish()
    this.#open = undefined
  }

  async #nameFiles(): Promise<string[]> {
    const merged = this.#merge && this.#shards === 1
    const embs = embeddingsPart(this.#normalized ?? false)
    const names: string[] = []
    for (let i = 0; i < this.#shards; i++) {
      const nameOf = (file: ShardFile) => memberName(file === 'embs' ? embs : file, merged ? undefined : i)
      names.push(...(await nameShard(this.#pending!, i, nameOf)))
    }
    return names
  }
}
