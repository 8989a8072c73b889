import { stat, writeFile } from 'node:fs/promises'
import {
  formatReceipt,
  isFileMark,
  receiptName,
  runDamaged,
  type BatchWriter,
  type Checkpoints,
  type Committed,
  type EmbeddingBatch,
  type FileMark,
  type Part,
  type PendingFiles,
  type RunIdentity,
} from '@facekit/core'
import { isShardSetMark, ShardSet, type ShardSetMark, type ShardSetOptions } from '@facekit/io-npy'
import { FailureLog, failuresNameOf } from './failure-log.js'
import { ListChain, type ListPosition } from './list-chain.js'

/** How far a run is: what it has done of its list, and the files that hold that. */
interface Progress extends ListPosition {
  /** Images that have no embedding. */
  failed: number
  failures: FileMark
  shards: ShardSetMark
  /** Images that there will be, where that is known. */
  total?: number
}

export interface RecordedSetOptions extends ShardSetOptions {
  /** Which part of a set it is, what the whole is of, and of how many images it is. */
  part?: { part: Part; of: RunIdentity; entries: number }
}

/**
 * The end of the flow into a folder: the embeddings of each batch and its failures, and now and then a record of how far
 * they are. What is recorded is of one moment, between two batches.
 */
export class RecordedSet implements BatchWriter<EmbeddingBatch> {
  /** The list of the run passes here. */
  readonly list: ListChain
  /** Images that an unfinished run had done. */
  readonly resumed: { images: number; failed: number }
  readonly #pending: PendingFiles
  readonly #checkpoints: Checkpoints
  readonly #shards: ShardSet
  readonly #failures: FailureLog
  readonly #part: RecordedSetOptions['part']
  #at: ListPosition | undefined
  #failed: number
  /** Whether batches were written whole since the last record, and nothing but these. */
  #state: 'recorded' | 'whole' | 'torn' = 'recorded'
  result: (Committed & { files: string[] }) | undefined

  private constructor(
    pending: PendingFiles,
    checkpoints: Checkpoints,
    shards: ShardSet,
    failures: FailureLog,
    part: RecordedSetOptions['part'],
    progress: Progress | undefined,
  ) {
    this.list = new ListChain(pending.output, progress)
    this.resumed = { images: progress?.entries ?? 0, failed: progress?.failed ?? 0 }
    this.#pending = pending
    this.#checkpoints = checkpoints
    this.#shards = shards
    this.#failures = failures
    this.#part = part
    this.#failed = this.resumed.failed
  }

  /**
   * Begins a set, or goes on with that of an unfinished run.
   *
   * @param onResumed told how many images that had done, before its files are checked
   * @throws FacekitError `RUN_DAMAGED` if they are not as they were recorded
   */
  static async open(
    pending: PendingFiles,
    checkpoints: Checkpoints,
    { part, ...options }: RecordedSetOptions,
    onResumed: (images: number) => void,
  ): Promise<RecordedSet> {
    const failuresName = failuresNameOf(part?.part)
    if (checkpoints.resumed === undefined) {
      const failures = await FailureLog.create(pending, failuresName)
      return new RecordedSet(pending, checkpoints, new ShardSet(pending, options), failures, part, undefined)
    }
    const progress = parseProgress(pending.folder, checkpoints.resumed)
    onResumed(progress.entries)
    const shards = await ShardSet.reopen(pending, options, progress.shards)
    try {
      const failures = await FailureLog.reopen(pending, failuresName, progress.failures)
      await pending.removeAllBut(new Set([...shards.names(), failuresName]))
      return new RecordedSet(pending, checkpoints, shards, failures, part, progress)
    } catch (error) {
      await shards.close()
      throw error
    }
  }

  async open(): Promise<void> {}

  async write(batch: EmbeddingBatch): Promise<void> {
    const { failed = [] } = batch
    this.#state = 'torn'
    await this.#shards.append(batch)
    await this.#failures.add(failed)
    this.#at = this.list.next()
    this.#failed += failed.length
    this.#state = 'whole'
    if (this.#checkpoints.isDue) await this.#record()
  }

  async finish(): Promise<void> {
    // What follows takes long for many rows; a run that dies in it goes on here.
    if (this.#checkpoints.hasRecord) await this.#record()
    this.#state = 'torn'
    const files = [...(await this.#shards.finish()), failuresNameOf(this.#part?.part)]
    await this.#failures.close()
    if (this.#part) files.push(await this.#writeReceipt(this.#part, files))
    const committed = await this.#pending.commit()
    this.result = { files, ...committed }
  }

  async discard(): Promise<void> {
    // What ended the run may hinder this, too: then the record before it counts.
    if (this.#checkpoints.hasRecord && !this.result) await this.#record().catch(() => {})
    await this.#shards.close()
    await this.#failures.close()
    await this.#pending.discard()
  }

  /** @returns its name */
  async #writeReceipt({ part, of }: NonNullable<RecordedSetOptions['part']>, names: readonly string[]) {
    const sizes = names.map(async (name) => ({ name, bytes: (await stat(this.#pending.path(name))).size }))
    const files = await Promise.all(sizes)
    const { rows } = this.#shards
    const counts = { images: rows + this.#failed, embedded: rows, failed: this.#failed }
    const receipt = { kind: 'embeddings', part, of, counts, seconds: this.#pending.seconds, files } as const
    await writeFile(this.#pending.path(receiptName(part)), formatReceipt(receipt))
    return receiptName(part)
  }

  async #record(): Promise<void> {
    // A run without a single embedding leaves nothing behind.
    if (this.#state !== 'whole' || this.#shards.rows === 0) return
    const { entries, chain } = this.#at!
    const failed = this.#failed
    await this.#checkpoints.record(async (): Promise<Progress> => {
      const failures = await this.#failures.mark()
      const total = this.#part?.entries
      const done = { entries, chain, failed, failures, shards: await this.#shards.mark() }
      return total === undefined ? done : { ...done, total }
    })
    this.#state = 'recorded'
    await this.#shards.forgetOlderMarks()
  }
}

function parseProgress(folder: string, value: unknown): Progress {
  const { entries, chain, failed, failures, shards } = (value ?? {}) as Partial<
    Record<keyof Progress, unknown>
  >
  if (
    !isCount(entries) ||
    typeof chain !== 'string' ||
    !isCount(failed) ||
    !isFileMark(failures) ||
    !isShardSetMark(shards)
  )
    throw runDamaged(folder, 'it does not say how far it was')
  return { entries, chain, failed, failures, shards }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
