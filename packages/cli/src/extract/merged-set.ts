import { writeFile } from 'node:fs/promises'
import {
  EMBEDDING_RUNS_NAME,
  formatEmbeddingRuns,
  type BatchWriter,
  type Committed,
  type EmbeddingBatch,
  type PendingFiles,
} from '@facekit/core'
import { checkUnchanged, readEmbeddings, ShardSet, type FileSet, type ShardSetOptions } from '@facekit/io-npy'
import type { CountedRuns } from './counted-runs.js'
import { FAILURES_NAME, FailureLog } from './failure-log.js'

/**
 * The end of the flow of what failed before: a set of the rows that there are and of those that come, in the order of the
 * input. All rows are written anew, beside the old ones.
 */
export class MergedSet implements BatchWriter<EmbeddingBatch> {
  readonly #pending: PendingFiles
  readonly #earlier: FileSet
  readonly #runs: CountedRuns | undefined
  readonly #rows: EarlierRows
  readonly #shards: ShardSet
  #failures: FailureLog | undefined
  result: (Committed & { files: string[] }) | undefined

  /** @param runs that made the earlier rows, where that is recorded */
  constructor(
    pending: PendingFiles,
    earlier: FileSet,
    runs: CountedRuns | undefined,
    options: ShardSetOptions,
  ) {
    this.#pending = pending
    this.#earlier = earlier
    this.#runs = runs
    this.#rows = new EarlierRows(earlier)
    this.#shards = new ShardSet(pending, options)
  }

  async open(): Promise<void> {
    this.#failures = await FailureLog.create(this.#pending)
  }

  async write(batch: EmbeddingBatch): Promise<void> {
    for (const [row, index] of batch.indices.entries()) {
      await this.#take(index)
      await this.#append(rowsOf(batch, row, row + 1))
      this.#runs?.embed(index)
    }
    await this.#failures!.add(batch.failed ?? [])
  }

  async finish(): Promise<void> {
    await this.#take(Infinity)
    const shards = await this.#shards.finish()
    await this.#failures!.close()
    const files = [...shards, FAILURES_NAME]
    if (this.#runs) {
      const made = formatEmbeddingRuns({ files: shards, runs: this.#runs.runs })
      await writeFile(this.#pending.path(EMBEDDING_RUNS_NAME), made)
      files.push(EMBEDDING_RUNS_NAME)
    }
    await checkUnchanged(this.#earlier)
    const committed = await this.#pending.commit()
    this.result = { files, ...committed }
  }

  async discard(): Promise<void> {
    await this.#rows.close()
    await this.#shards.close()
    await this.#failures?.close()
    await this.#pending.discard()
  }

  /** Takes over the earlier rows before an index. */
  async #take(index: number): Promise<void> {
    for (let rows = await this.#rows.before(index); rows; rows = await this.#rows.before(index))
      await this.#append(rows)
  }

  async #append(batch: EmbeddingBatch): Promise<void> {
    await this.#shards.append(batch)
    await this.#shards.forgetOlderMarks()
  }
}

/** The rows of a set in their order, as far as each time is wanted. */
class EarlierRows {
  readonly #batches: AsyncIterator<EmbeddingBatch>
  #batch: EmbeddingBatch | undefined
  #at = 0

  constructor(set: FileSet) {
    this.#batches = readEmbeddings(set)[Symbol.asyncIterator]()
  }

  /** The next rows of indices below `index`, within a batch; undefined where there are none. */
  async before(index: number): Promise<EmbeddingBatch | undefined> {
    if (!this.#batch || this.#at === this.#batch.indices.length) {
      const { done, value } = await this.#batches.next()
      this.#batch = done ? undefined : value
      this.#at = 0
    }
    if (!this.#batch) return undefined
    const start = this.#at
    while (this.#at < this.#batch.indices.length && this.#batch.indices[this.#at]! < index) this.#at++
    return this.#at > start ? rowsOf(this.#batch, start, this.#at) : undefined
  }

  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}

function rowsOf(batch: EmbeddingBatch, start: number, end: number): EmbeddingBatch {
  const { indices, paths, embeddings, dim, normalized } = batch
  return {
    indices: indices.subarray(start, end),
    paths: paths.slice(start, end),
    embeddings: embeddings.subarray(start * dim, end * dim),
    dim,
    normalized,
  }
}
