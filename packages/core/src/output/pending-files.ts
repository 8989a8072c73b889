import { lstat, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FacekitError, OptionError } from '../errors.js'
import { Claim } from './claim.js'
import { commitSet, finishCommit, hasJournal, type Committed } from './commit.js'
import { RunCheckpoints, type Checkpoints } from './checkpoints.js'
import { isNameOf, type OutputKind } from './output-kinds.js'
import { readRecord, whyForeign, type MadeFiles, type OutputRecord } from './output-record.js'
import { isOfPart, nameOfPart, type Part } from './part.js'
import { partsIn, placeOf, placesIn, type Place } from './place.js'
import {
  checkIdentity,
  hasRunRecord,
  identityDifferences,
  isOfRunRecord,
  readRunRecord,
  removeRunRecord,
  writeRunRecord,
  type RunIdentity,
  type RunRecord,
} from './run-record.js'

/**
 * What a killed run had left in a folder: what it had not finished, which is no more; a set that is in its place now; or
 * its progress, to go on with.
 */
export type Leftover = 'removed' | 'finished' | 'resumed'

/** How a set of files comes into its folder. */
export interface PendingOptions {
  /**
   * The names that must be free for the run, as far as they are known before it: all of its kind if left out, where those
   * of others would be taken for its own; for a part those that begin with its name.
   */
  mayWrite?: ((name: string) => boolean) | undefined
  /**
   * Whether to go on with an unfinished run that has recorded its progress, or to drop that. If left out it is refused,
   * so that nobody loses hours by leaving out a word.
   */
  resume?: boolean | undefined
  /** Which part of a set is made, where several are, side by side. Names of parts must not be those of others. */
  part?: Part | undefined
  /**
   * Told once that another run has the place, of which it is waited that it ends, or that it was silent for so long that it
   * counts as gone. If left out it is refused at once.
   */
  onBusy?: ((error: FacekitError) => void) | undefined
  /** Ends such waiting. */
  signal?: AbortSignal | undefined
  /** Whether a whole set may come where parts of one are, as when they are joined. */
  besideParts?: boolean | undefined
}

/**
 * A set of files on its way into a folder, where it takes the place of what the last run of the same kind made. It is
 * written under a hidden folder inside and appears at `commit`, all of it: a run that is killed in the middle is finished
 * by whoever opens the folder next. What facekit did not make, by its record in `.facekit.json`, is never touched.
 *
 *     const pending = await PendingFiles.in(output, 'labels')
 *     await writeFile(pending.path('clustering_result.txt'), text)
 *     await pending.commit()   // or pending.discard()
 */
export class PendingFiles {
  /** Where the files will appear. */
  readonly output: string
  readonly kind: OutputKind
  readonly leftover: Leftover | undefined
  readonly #place: Place
  readonly #claim: Claim
  readonly #record: OutputRecord
  readonly #mayWrite: (name: string) => boolean
  readonly #unfinished: RunRecord | undefined
  #checkpoints: RunCheckpoints | undefined
  #identity: RunIdentity | undefined
  readonly #names = new Set<string>()
  #isDiscarded = false
  /** All that is left to do is moving the files. */
  #isCommitted = false

  private constructor(
    output: string,
    kind: OutputKind,
    place: Place,
    claim: Claim,
    record: OutputRecord,
    { leftover, unfinished }: Found,
    mayWrite: (name: string) => boolean,
  ) {
    this.output = output
    this.kind = kind
    this.leftover = leftover
    this.#place = place
    this.#claim = claim
    this.#record = record
    this.#mayWrite = mayWrite
    this.#unfinished = unfinished
  }

  /**
   * Creates `folder` where it is missing, and clears away or finishes what a killed run left there.
   *
   * @throws FacekitError `OUTPUT_FOLDER` if it cannot be written to, `OUTPUT_BUSY` while another run writes to it,
   * `OUTPUT_EXISTS` where something that facekit did not make has the name of what it may write, `RUN_UNFINISHED` where
   * a run has recorded its progress and the options do not say what becomes of it
   */
  static async in(
    folder: string,
    kind: OutputKind,
    { mayWrite, resume, part, onBusy, signal, besideParts = false }: PendingOptions = {},
  ): Promise<PendingFiles> {
    if (folder === '') throw new OptionError('Expected a folder for the output but received an empty string')
    if (!part && !besideParts && HAS_PARTS.has(kind) && (await partsIn(folder)).length > 0)
      throw partsThere(folder, kind)
    const place = placeOf(part)
    const take = () => Claim.take(folder, place.hidden)
    const claim = await (onBusy
      ? take().catch(async (error) => waitFor(take, error, onBusy, signal))
      : take())
    try {
      const found = await clearAway(folder, claim, place, async () => {
        const unfinished = resume === false ? undefined : await readRunRecord(claim.folder)
        if (unfinished && unfinished.kind !== kind) throw otherKind(folder, place, kind, unfinished)
        if (unfinished && !resume) throw unfinishedRun(folder, unfinished)
        return unfinished
      })
      const record = await readRecord(folder, place)
      const pending = new PendingFiles(
        folder,
        kind,
        place,
        claim,
        record,
        found,
        mayWrite ?? defaultNames(kind, part),
      )
      await pending.#checkRoom()
      return pending
    } catch (error) {
      await giveUp(claim).catch(() => {})
      throw error
    }
  }

  /**
   * Begins to record progress, or goes on where an unfinished run was.
   *
   * @param identity what this run is of
   * @throws FacekitError `RUN_DIFFERS` where the unfinished run is of something else, with the names of what differs
   */
  checkpoints(identity: RunIdentity): Checkpoints {
    this.identify(identity)
    if (this.#unfinished) checkIdentity(this.output, this.#unfinished.identity, identity)
    this.#checkpoints = new RunCheckpoints(this.#unfinished, async (progress, seconds) => {
      await this.#claim.check()
      const at = new Date().toISOString()
      await writeRunRecord(this.folder, { kind: this.kind, identity, progress, seconds, at })
    })
    return this.#checkpoints
  }

  /** Says what the run is of: it is kept with the files. */
  identify(identity: RunIdentity): void {
    this.#identity = identity
  }

  /**
   * Whether a run of this identity was killed when nothing but moving its files was left to do, which is done now: there is
   * nothing to go on with.
   */
  isFinishedRun(identity: RunIdentity): boolean {
    const earlier = this.leftover === 'finished' ? this.earlierIdentity : undefined
    return earlier !== undefined && identityDifferences(earlier, identity).length === 0
  }

  /** What the run was of that made what is there now; undefined where it did not say so, or nothing is there. */
  get earlierIdentity(): RunIdentity | undefined {
    return this.#record.get(this.kind)?.identity
  }

  /** Whether this run, and not another one that was there, can be gone on with when it ends here. */
  get isResumable(): boolean {
    return !this.#isCommitted && this.#checkpoints?.hasRecord === true
  }

  /** Of work on the run so far, over all times that it was gone on with; 0 before it records. */
  get seconds(): number {
    return this.#checkpoints?.seconds ?? 0
  }

  /** Progress of the unfinished run that is there, as it was recorded, whether it is this run's or not. */
  get recorded(): unknown {
    return this.#unfinished?.progress
  }

  /** Removes what an unfinished run has left and does not speak of. */
  async removeAllBut(names: ReadonlySet<string>): Promise<void> {
    await this.#claim.clear((name) => !names.has(name) && !isOfRunRecord(name))
  }

  /**
   * Looks whether there is room for files as soon as their names are known.
   *
   * @throws FacekitError `OUTPUT_EXISTS`
   */
  async checkRoomFor(names: Iterable<string>): Promise<void> {
    await this.#checkRoom(new Set(names))
  }

  /** Where to write the file or folder that will be called `name`. */
  path(name: string): string {
    if (!isNameOf(this.kind, name)) throw new Error(`${name} is no name of ${this.kind}`)
    this.#names.add(name)
    return join(this.folder, name)
  }

  /** Takes back a name that `path` gave, and removes what was written there. */
  async withdraw(name: string): Promise<void> {
    this.#names.delete(name)
    await rm(join(this.folder, name), { recursive: true, force: true })
  }

  /** The hidden folder itself, for what is never committed. */
  get folder(): string {
    return this.#claim.folder
  }

  /** A place for what is never committed. */
  scratchPath(name: string): string {
    return join(this.folder, `scratch-${name}`)
  }

  /**
   * Brings all files to their places.
   *
   * @throws FacekitError `OUTPUT_EXISTS` or `OUTPUT_BUSY`: nothing has been moved then
   * @throws FacekitError `OUTPUT_UNFINISHED`: the next one that opens the folder finishes
   */
  async commit(): Promise<Committed> {
    await this.#claim.check()
    await this.#checkRoom()
    const earlier = this.earlierFiles
    const files = await this.#made()
    const made = this.#identity ? { files, identity: this.#identity } : { files }
    const journal = { kind: this.kind, earlier, names: [...this.#names] }
    const record = new Map(this.#record)
    if (files.size > 0) record.set(this.kind, made)
    else record.delete(this.kind)
    const committed = await commitSet(this.output, this.#claim, this.#place, journal, record).catch(
      (error: NodeJS.ErrnoException) => {
        this.#isCommitted = error.code === 'OUTPUT_UNFINISHED'
        throw error
      },
    )
    this.#isCommitted = true
    this.#isDiscarded = true
    await this.#claim.release()
    return committed
  }

  /** Removes what was not committed, but for a run whose progress is recorded; makes room for another run. May be called again. */
  async discard(): Promise<void> {
    if (this.#isDiscarded) return
    this.#isDiscarded = true
    await giveUp(this.#claim)
  }

  /** What the last run of the kind made here, with sizes in bytes. */
  get earlierFiles(): MadeFiles {
    return this.#record.get(this.kind)?.files ?? new Map<string, number>()
  }

  /** What will be replaced must be what the earlier run made, to the byte count. */
  async #checkRoom(names: ReadonlySet<string> = this.#names): Promise<void> {
    for (const name of await readdir(this.output)) {
      if (!names.has(name) && !this.#mayWrite(name)) continue
      const path = join(this.output, name)
      const foreign = await whyForeign(this.kind, this.earlierFiles, name, path)
      if (foreign === undefined) continue
      const [owner] =
        [...this.#record].find(([, { files }]) => !this.earlierFiles.has(name) && files.has(name)) ?? []
      throw new FacekitError(
        'OUTPUT_EXISTS',
        owner
          ? `Expected room for ${path} but it is of the ${owner} that are there. Choose another folder for the ${this.kind}.`
          : `Expected room for ${path} but what stands there ${foreign}. Move it away, or choose another folder for the output.`,
      )
    }
  }

  async #made(): Promise<MadeFiles> {
    const made = new Map<string, number>()
    for (const name of this.#names) {
      const path = join(this.folder, name)
      const stats = await lstat(path)
      if (!stats.isDirectory()) made.set(name, stats.size)
      else
        for (const file of await readdir(path))
          made.set(`${name}/${file}`, (await lstat(join(path, file))).size)
    }
    return made
  }
}

/** Files that the last run of a kind made in a folder, parts left aside. */
export async function filesMadeIn(folder: string, kind: OutputKind): Promise<string[]> {
  return [...((await readRecord(folder, placeOf())).get(kind)?.files.keys() ?? [])]
}

/** Kinds that are made in parts, too. */
const HAS_PARTS: ReadonlySet<OutputKind> = new Set(['embeddings', 'edges'])

function partsThere(folder: string, kind: OutputKind): FacekitError {
  return new FacekitError(
    'OUTPUT_EXISTS',
    `Expected room for all ${kind} in ${folder} but parts of them are there. Give --part, or choose another folder; facekit label joins parts of edges.`,
  )
}

/** How often is looked whether a place came free. */
const BUSY_MS = 1000

/** As long as whoever has it lives: what it makes may be what is wanted. */
async function waitFor(
  take: () => Promise<Claim>,
  error: unknown,
  onBusy: (error: FacekitError) => void,
  signal: AbortSignal | undefined,
): Promise<Claim> {
  let last = error
  for (let isFirst = true; last instanceof FacekitError && last.code === 'OUTPUT_BUSY'; isFirst = false) {
    if (isFirst) onBusy(last)
    await sleep(BUSY_MS, undefined, { signal }).catch(() => {})
    signal?.throwIfAborted()
    try {
      return await take()
    } catch (again) {
      last = again
    }
  }
  throw last
}

/** Removes from a folder what the last run of a kind made there, and the folder if nothing else is in it. */
export async function removeOutput(folder: string, kind: OutputKind, part?: Part): Promise<void> {
  const pending = await PendingFiles.in(folder, kind, { resume: false, part })
  await pending.commit()
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY') throw error
  })
}

/** How long a reader waits for a run that is just moving its files into place. */
const MOVING_MS = 10_000
const LOOK_AGAIN_MS = 50

/**
 * Makes sure that what is read from a folder is one set: finishes what a run had begun to move there when it was killed,
 * and waits for one that is moving. For whoever reads files that `PendingFiles` wrote; `readSettled` also sees what begins
 * to move while it reads.
 *
 * @returns whether there was something to finish
 * @throws FacekitError `OUTPUT_BUSY`, `OUTPUT_UNFINISHED`
 */
export async function settleOutput(folder: string): Promise<boolean> {
  const endMs = Date.now() + MOVING_MS
  let hasFinished = false
  for (const place of await placesIn(folder)) {
    while (await isMoving(folder, place)) {
      if (await finishFor(folder, place)) {
        hasFinished = true
        break
      }
      if (Date.now() > endMs) {
        throw new FacekitError(
          'OUTPUT_BUSY',
          `Expected the files of ${folder} in their places but a run is still moving them, see ${join(folder, place.hidden)}. Wait for it.`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }
  return hasFinished
}

/**
 * Reads files that `PendingFiles` wrote while none is moved: again where a run moved its own meanwhile, whatever came of
 * the reading.
 *
 * @throws what `read` and `settleOutput` throw
 */
export async function readSettled<T>(folder: string, read: () => Promise<T>): Promise<T> {
  for (;;) {
    await settleOutput(folder)
    const before = await markOf(folder)
    const [outcome] = await Promise.allSettled([read()])
    // In this order: the record comes before the journal goes.
    if ((await isAnyMoving(folder)) || (await markOf(folder)) !== before) continue
    if (outcome.status === 'fulfilled') return outcome.value
    throw outcome.reason
  }
}

async function isMoving(folder: string, { hidden }: Place): Promise<boolean> {
  return hasJournal(join(folder, hidden)).catch(() => false)
}

async function isAnyMoving(folder: string): Promise<boolean> {
  for (const place of await placesIn(folder)) if (await isMoving(folder, place)) return true
  return false
}

/** Another one after each commit. */
async function markOf(folder: string): Promise<string> {
  const marks: string[] = []
  for (const { record } of await placesIn(folder)) {
    const stats = await lstat(join(folder, record), { bigint: true }).catch(() => undefined)
    if (stats) marks.push(`${record} ${stats.ino} ${stats.mtimeNs}`)
  }
  return marks.join('\n')
}

/** @returns whether it did: not while another process is at it */
async function finishFor(folder: string, place: Place): Promise<boolean> {
  try {
    const claim = await Claim.take(folder, place.hidden)
    let found: Found
    try {
      // What is not finished is none of a reader's business.
      found = await clearAway(folder, claim, place, async () => readRunRecord(claim.folder))
    } catch (error) {
      await giveUp(claim).catch(() => {})
      throw error
    }
    await giveUp(claim)
    return found.leftover === 'finished'
  } catch (cause) {
    if (cause instanceof FacekitError && cause.code === 'OUTPUT_BUSY') return false
    throw new FacekitError(
      'OUTPUT_UNFINISHED',
      `Expected the files of ${folder} in their places but a run did not come to the end of moving them there, and that could not be finished: ${(cause as Error).message}. Mend that, and the next command that opens the folder finishes.`,
      { cause },
    )
  }
}

function defaultNames(kind: OutputKind, part: Part | undefined): (name: string) => boolean {
  if (part) return (name) => name.startsWith(`${nameOfPart(part)}.`)
  return (name) => isNameOf(kind, name) && !isOfPart(name)
}

interface Found {
  leftover: Leftover | undefined
  unfinished: RunRecord | undefined
}

/** @param toKeep gives the unfinished run that is not to be cleared away */
async function clearAway(
  folder: string,
  claim: Claim,
  place: Place,
  toKeep: () => Promise<RunRecord | undefined>,
): Promise<Found> {
  if (!claim.isTakenOver) return { leftover: undefined, unfinished: undefined }
  const isFinished = await finishCommit(folder, claim, place)
  const unfinished = isFinished ? undefined : await toKeep()
  if (unfinished) return { leftover: 'resumed', unfinished }
  // First, so that nobody goes on with half of it.
  await removeRunRecord(claim.folder)
  await claim.clear()
  return { leftover: isFinished ? 'finished' : 'removed', unfinished }
}

/** A set that is complete, but could not be moved, is the next one's to finish; so is a run that recorded how far it is. */
async function giveUp(claim: Claim): Promise<void> {
  await claim.release((await hasJournal(claim.folder)) || (await hasRunRecord(claim.folder)))
}

function unfinishedRun(folder: string, { kind, at }: RunRecord): FacekitError {
  return new FacekitError(
    'RUN_UNFINISHED',
    `Expected no unfinished run in ${folder} but one that makes ${kind} was there until ${at}. Go on with it by --resume, or begin anew with --no-resume.`,
  )
}

function otherKind(folder: string, { hidden }: Place, kind: OutputKind, unfinished: RunRecord): FacekitError {
  return new FacekitError(
    'RUN_DIFFERS',
    `Expected to go on with a run that makes ${kind} in ${folder} but the unfinished one there makes ${unfinished.kind}. Choose another folder, or finish that one first; if nobody wants it, remove ${join(folder, hidden)}.`,
  )
}
