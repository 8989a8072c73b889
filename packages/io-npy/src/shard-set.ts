import { createReadStream } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  checkMark,
  checkPositiveInteger,
  hashFile,
  isFileMark,
  MarkedFile,
  runDamaged,
  sync,
  type EmbeddingBatch,
  type FileMark,
  type PendingFiles,
} from '@facekit/core'
import { NpyError } from './errors.js'
import { embeddingsPart, memberName, parseMember } from './file-names.js'
import { isShardMark, nameShard, scratchPath, SHARD_FILES, ShardWriter } from './shard-writer.js'
import type { ShardFile, ShardMark } from './shard-writer.js'

const DEFAULT_SPLIT_THRESHOLD = 1_000_000

/** How embeddings are cut into files. */
export interface ShardSetOptions {
  /** Up to this many rows become one merged set, `final_…`; above, numbered sets of this many rows. */
  splitThreshold?: number
  /** `false`: numbered sets of `splitThreshold` rows also where one would do. */
  merge?: boolean
  /**
   * Where the shards are part of a larger set: the number of the first, and how many there are at least, whatever comes;
   * those for which there are no rows are empty. They are never merged.
   */
  place?: { firstShard: number; shards: number }
  /** Length of the rows, for when no batch comes to say it. Others are refused. */
  dim?: number
  /** Whether the rows are L2-normalised, for when no batch comes to say it. Others are refused. */
  normalized?: boolean
}

/** @throws OptionError */
export function checkShardSetOptions({ splitThreshold, dim }: ShardSetOptions): void {
  if (splitThreshold !== undefined) checkPositiveInteger('splitThreshold', splitThreshold)
  if (dim !== undefined) checkPositiveInteger('dim', dim)
}

/** How far a set was written: data, as small for thousands of shards as for one. */
export interface ShardSetMark {
  /** Of the log of shards that are finished. */
  log: FileMark
  open?: ShardMark
}

/** Whether something read from JSON is what `ShardSet` recorded. */
export function isShardSetMark(value: unknown): value is ShardSetMark {
  if (typeof value !== 'object' || value === null) return false
  const { log, open } = value as Record<keyof ShardSetMark, unknown>
  return isFileMark(log) && (open === undefined || isShardMark(open))
}

/** Sizes and checksums of a shard's files: a line of the log. */
type FinishedShard = Record<ShardFile, FileMark>

/** The files of a set as batches come, in the hidden folder of pending files. Holds one batch at a time in memory. */
export class ShardSet {
  readonly #pending: PendingFiles
  readonly #merge: boolean
  readonly #place: ShardSetOptions['place']
  readonly #rowsPerShard: number
  #dim: number | undefined
  #normalized: boolean | undefined
  /** Shards so far, the open one included. */
  #shards = 0
  #open: ShardWriter | undefined
  #rows = 0
  #log: MarkedFile | undefined
  /** Finished shards that the log does not have yet. */
  readonly #unlogged: number[] = []
  /** Of finished shards. */
  #spools: string[] = []

  /** @throws OptionError */
  constructor(pending: PendingFiles, options: ShardSetOptions = {}) {
    checkShardSetOptions(options)
    const { splitThreshold = DEFAULT_SPLIT_THRESHOLD, merge = true, place, dim, normalized } = options
    this.#pending = pending
    this.#merge = merge && !place
    this.#place = place
    this.#rowsPerShard = splitThreshold
    this.#dim = dim
    this.#normalized = normalized
  }

  /**
   * Goes on with a set where it was marked, whatever was done after that. All files are read, and checked.
   *
   * @throws FacekitError `RUN_DAMAGED` if they do not hold what was marked
   */
  static async reopen(
    pending: PendingFiles,
    options: ShardSetOptions,
    mark: ShardSetMark,
  ): Promise<ShardSet> {
    const set = new ShardSet(pending, options)
    try {
      await unnameShards(pending, options.place?.firstShard ?? 0)
      set.#log = await MarkedFile.reopen(logPath(pending), mark.log)
      await set.#checkFinished()
      set.#rows = set.#shards * set.#rowsPerShard
      if (mark.open) {
        set.#open = await ShardWriter.reopen(pending, set.#shards++, set.#dim ?? 0, mark.open)
        set.#rows += set.#open.rows
      }
      return set
    } catch (error) {
      await set.close()
      throw error
    }
  }

  get rows(): number {
    return this.#rows
  }

  /** 0 where no batch came and the options do not say. */
  get dim(): number {
    return this.#dim ?? 0
  }

  /** Names in the hidden folder of all that the set consists of. */
  *names(): Generator<string> {
    yield basename(logPath(this.#pending))
    for (let shard = 0; shard < this.#shards; shard++)
      for (const file of [...SHARD_FILES, 'spool'] as const)
        yield basename(scratchPath(this.#pending, shard, file))
  }

  /** @throws NpyError `NPY_BATCH`, `NPY_WRITE` */
  async append(batch: EmbeddingBatch): Promise<void> {
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

  /** Where `reopen` goes on. All that was appended is on the disk then. */
  async mark(): Promise<ShardSetMark> {
    this.#log ??= await MarkedFile.create(logPath(this.#pending))
    for (let shard = this.#unlogged[0]; shard !== undefined; shard = this.#unlogged[0]) {
      const line = JSON.stringify(await this.#settleFinished(shard))
      await this.#log.append(Buffer.from(`${line}\n`))
      // Only now: what fails in between may be tried again.
      this.#unlogged.shift()
    }
    const log = await this.#log.mark()
    return this.#open ? { log, open: await this.#open.mark() } : { log }
  }

  /** Removes what only older marks speak of: nobody goes on with any but the last one. */
  async forgetOlderMarks(): Promise<void> {
    for (const spool of this.#spools) await rm(spool, { force: true })
    this.#spools = []
  }

  /**
   * Completes the files and makes them pending under their names.
   *
   * @returns these names
   */
  async finish(): Promise<string[]> {
    if (this.#open) await this.#finishShard()
    while (this.#shards < (this.#place?.shards ?? 1)) {
      this.#open = await this.#openShard()
      await this.#finishShard()
    }
    await this.close()
    const merged = this.#merge && this.#shards === 1
    const embs = embeddingsPart(this.#normalized ?? false)
    const firstShard = this.#place?.firstShard ?? 0
    const names: string[] = []
    for (let i = 0; i < this.#shards; i++) {
      const nameOf = (file: ShardFile) =>
        memberName(file === 'embs' ? embs : file, merged ? undefined : firstShard + i)
      names.push(...(await nameShard(this.#pending, i, nameOf)))
    }
    return names
  }

  /** Closes the files as they are. May be called again. */
  async close(): Promise<void> {
    await this.#open?.close()
    await this.#log?.close()
  }

  #check({ indices, paths, embeddings, dim, normalized }: EmbeddingBatch): void {
    const refuse = (message: string) => new NpyError('NPY_BATCH', this.#pending.output, message)
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
    return ShardWriter.create(this.#pending, this.#shards++, this.#dim ?? 0)
  }

  async #finishShard(): Promise<void> {
    const shard = this.#shards - 1
    await this.#open?.finish()
    this.#open = undefined
    this.#unlogged.push(shard)
    this.#spools.push(scratchPath(this.#pending, shard, 'spool'))
  }

  async #settleFinished(shard: number): Promise<FinishedShard> {
    const settle = async (file: ShardFile): Promise<FileMark> => {
      const path = scratchPath(this.#pending, shard, file)
      const { hash, bytes } = await hashFile(path)
      await sync(path)
      return { bytes, sha256: hash.digest('hex') }
    }
    return { fpaths: await settle('fpaths'), indices: await settle('indices'), embs: await settle('embs') }
  }

  /** Counts the shards of the log, and reads all of them. */
  async #checkFinished(): Promise<void> {
    const path = logPath(this.#pending)
    const input = createReadStream(path)
    try {
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        const finished = JSON.parse(line) as Partial<Record<ShardFile, unknown>>
        for (const file of SHARD_FILES) {
          const mark = finished[file]
          if (!isFileMark(mark)) throw runDamaged(path, 'a line of it is no shard')
          await checkMark(scratchPath(this.#pending, this.#shards, file), mark)
        }
        this.#shards++
      }
    } finally {
      input.destroy()
    }
  }
}

/** Names of the files of a set that is part of a larger one. */
export function* namesOfShards(
  { firstShard, shards }: NonNullable<ShardSetOptions['place']>,
  normalized: boolean,
): Generator<string> {
  for (let number = firstShard; number < firstShard + shards; number++)
    for (const file of SHARD_FILES)
      yield memberName(file === 'embs' ? embeddingsPart(normalized) : file, number)
}

function logPath(pending: PendingFiles): string {
  return pending.scratchPath('shards.ndjson')
}

/** Takes back what `nameShard` did: a run may be killed between two names. */
async function unnameShards(pending: PendingFiles, firstShard: number): Promise<void> {
  for (const name of await readdir(pending.folder)) {
    const { part, number = firstShard } = parseMember(name) ?? {}
    // Those before were taken over, and are again.
    if (part === undefined || number < firstShard) continue
    const file = part === 'embs_norm' ? 'embs' : part
    await rename(join(pending.folder, name), scratchPath(pending, number - firstShard, file))
  }
}
