import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  EMBEDDING_RUNS_NAME,
  formatEmbeddingRuns,
  formatReceipt,
  isFileMark,
  receiptName,
  runDamaged,
  type BatchWriter,
  type Checkpoints,
  type Committed,
  type EmbeddingBatch,
  type EmbeddingRun,
  type FileMark,
  type Part,
  type PendingFiles,
  type RunIdentity,
} from '@facekit/core'
import {
  checkUnchanged,
  isShardSetMark,
  namesOf,
  ShardSet,
  takeOverShards,
  type ShardSetMark,
  type ShardSetOptions,
} from '@facekit/io-npy'
import type { EarlierSet } from './appending.js'
import { FAILURES_NAME, FailureLog, failuresNameOf } from './failure-log.js'
import { ListChain, START, type ListPosition } from './list-chain.js'
import type { RunStart } from './run-start.js'

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
  /** What is said of it beside the embeddings. */
  run: RunStart
  /** What comes before it in the set. */
  earlier?: EarlierSet | undefined
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
  /** Index of the first image. */
  readonly firstIndex: number
  /** Images that an unfinished run had done. */
  readonly resumed: { images: number; failed: number }
  readonly #pending: PendingFiles
  readonly #checkpoints: Checkpoints
  readonly #shards: ShardSet
  readonly #failures: FailureLog
  readonly #run: RunStart
  readonly #earlier: EarlierSet | undefined
  readonly #part: RecordedSetOptions['part']
  #at: ListPosition
  #failed: number
  /** Whether batches were written whole since the last record, and nothing but these. */
  #state: 'recorded' | 'whole' | 'torn' = 'recorded'
  result: (Committed & { files: string[] }) | undefined

  private constructor(
    pending: PendingFiles,
    checkpoints: Checkpoints,
    shards: ShardSet,
    failures: FailureLog,
    { run, earlier, part }: RecordedSetOptions,
    progress: Progress | undefined,
  ) {
    this.list = new ListChain(pending.output, progress)
    this.resumed = { images: progress?.entries ?? 0, failed: progress?.failed ?? 0 }
    this.#pending = pending
    this.#checkpoints = checkpoints
    this.#shards = shards
    this.#failures = failures
    this.firstIndex = earlier?.images ?? 0
    this.#run = run
    this.#earlier = earlier
    this.#part = part
    this.#at = progress ?? START
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
    options: RecordedSetOptions,
    onResumed: (images: number) => void,
  ): Promise<RecordedSet> {
    const { earlier, part } = options
    const failuresName = failuresNameOf(part?.part)
    // Those of a run go on after those that are taken over, and none is for want of rows.
    const place = earlier && { firstShard: earlier.set.shards.length, shards: 0 }
    const shardOptions = place ? { ...options, place } : options
    if (checkpoints.resumed === undefined) {
      const before = earlier && join(earlier.set.folder, FAILURES_NAME)
      const failures = await FailureLog.create(pending, failuresName, before)
      return new RecordedSet(
        pending,
        checkpoints,
        new ShardSet(pending, shardOptions),
        failures,
        options,
        undefined,
      )
    }
    const progress = parseProgress(pending.folder, checkpoints.resumed)
    onResumed(progress.entries)
    const shards = await ShardSet.reopen(pending, shardOptions, progress.shards)
    try {
      const failures = await FailureLog.reopen(pending, failuresName, progress.failures)
      await pending.removeAllBut(new Set([...shards.names(), failuresName]))
      return new RecordedSet(pending, checkpoints, shards, failures, options, progress)
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
    const shards = [...(await this.#takeOverEarlier()), ...(await this.#shards.finish())]
    await this.#failures.close()
    const files = [...shards, failuresNameOf(this.#part?.part)]
    files.push(await (this.#part ? this.#writeReceipt(this.#part, files) : this.#writeRuns(shards)))
    const committed = await this.#pending.commit()
    // What was taken over has another name now, and is there.
    const renamed = new Set(this.#earlier && namesOf(this.#earlier.set))
    const removed = committed.removed.filter((name) => !renamed.has(name))
    this.result = { files, ...committed, removed }
  }

  async discard(): Promise<void> {
    // What ended the run may hinder this, too: then the record before it counts.
    if (this.#checkpoints.hasRecord && !this.result) await this.#record().catch(() => {})
    await this.#shards.close()
    await this.#failures.close()
    await this.#pending.discard()
  }

  async #takeOverEarlier(): Promise<string[]> {
    if (!this.#earlier) return []
    await checkUnchanged(this.#earlier.set)
    return takeOverShards(this.#pending, this.#earlier.set)
  }

  /** @returns its name */
  async #writeRuns(files: readonly string[]): Promise<string> {
    const runs = [...(this.#earlier?.runs ?? []), this.#finishedRun()]
    await writeFile(this.#pending.path(EMBEDDING_RUNS_NAME), formatEmbeddingRuns({ files, runs }))
    return EMBEDDING_RUNS_NAME
  }

  #finishedRun(): EmbeddingRun {
    const { rows } = this.#shards
    const failed = this.#failed
    const seconds = Number(this.#pending.seconds.toFixed(3))
    return { ...this.#run, seconds, list: this.#at.chain, images: rows + failed, embedded: rows, failed }
  }

  /** @returns its name */
  async #writeReceipt({ part, of }: NonNullable<RecordedSetOptions['part']>, names: readonly string[]) {
    const sizes = names.map(async (name) => ({ name, bytes: (await stat(this.#pending.path(name))).size }))
    const files = await Promise.all(sizes)
    const run = this.#finishedRun()
    const { seconds, images, embedded, failed } = run
    const counts = { images, embedded, failed }
    const receipt = { kind: 'embeddings', part, of, counts, seconds, files, run } as const
    await writeFile(this.#pending.path(receiptName(part)), formatReceipt(receipt))
    return receiptName(part)
  }

  async #record(): Promise<void> {
    // A run without a single embedding leaves nothing behind.
    if (this.#state !== 'whole' || this.#shards.rows === 0) return
    const { entries, chain } = this.#at
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
