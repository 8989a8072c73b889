import { randomBytes } from 'node:crypto'
import { lstat, readdir, readFile, rename, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError } from '../errors.js'
import type { Claim } from './claim.js'
import { isFolderOf, isNameOf, isOutputKind, type OutputKind } from './output-kinds.js'
import { formatRecord, parseMade, type MadeFiles, type OutputRecord } from './output-record.js'
import type { Place } from './place.js'
import { removeRunRecord } from './run-record.js'
import { sync, syncTree, writeSynced } from './synced.js'

/** In the hidden folder from when the set is complete until all of it is in its place. */
const JOURNAL_NAME = 'commit.json'

/** What is left to do once a set is complete, whoever does it. */
interface Journal {
  kind: OutputKind
  /** What is to go: files of the earlier run. */
  earlier: MadeFiles
  /** What is to come: names in the hidden folder and, later, in the output. */
  names: readonly string[]
  /** Whether nothing is recorded any more then. */
  removesRecord: boolean
}

/** What a commit did beside bringing the files. */
export interface Committed {
  /** Names of files of the earlier run that are no more: none of the same name was made. */
  removed: string[]
  /** What stood in the way and is not facekit's: it was put aside, under these names. */
  kept: string[]
}

/** Files and folders of the earlier run on their way out: their names after it. */
const OLD = /^old-[0-9a-f]{8}-(.+)$/

/**
 * Puts a set of files in the place of an earlier one, so that it appears as a set. All of it is on the disk, and then a
 * journal that says what is to be done: from there on whoever finds it can finish, and nobody has to go back. The earlier
 * files leave before the first of the new ones comes: who looks in between finds some missing, and never a mixture.
 *
 * @param output where the set appears
 * @param claim holds the hidden folder in there with all files of the set
 * @param place of the run
 * @param record of the place, when all is done
 * @throws FacekitError `OUTPUT_UNFINISHED` where not all could be moved; the error of the system where nothing was
 */
export async function commitSet(
  output: string,
  claim: Claim,
  place: Place,
  made: Omit<Journal, 'removesRecord'>,
  record: OutputRecord,
): Promise<Committed> {
  const hidden = claim.folder
  const journal = { ...made, removesRecord: record.size === 0 }
  for (const name of journal.names) await syncTree(join(hidden, name))
  await writeSynced(join(hidden, place.record), formatRecord(record))
  const draft = join(hidden, `${JOURNAL_NAME}-draft`)
  await writeSynced(draft, JSON.stringify({ ...journal, earlier: Object.fromEntries(journal.earlier) }))
  await rename(draft, join(hidden, JOURNAL_NAME))
  await sync(hidden)
  const moves = new Moves(output, claim, place, journal)
  try {
    return await moves.carryOut()
  } catch (cause) {
    if (!moves.hasBegun) {
      // All is as before: this is a run that failed, and nothing to be finished.
      await unlink(join(hidden, JOURNAL_NAME))
      throw cause
    }
    throw new FacekitError(
      'OUTPUT_UNFINISHED',
      `Expected to move the files of this run to their places in ${output} but ${(cause as Error).message}. They are complete in ${hidden}: mend that, and the next command that opens the folder finishes.`,
      { cause },
    )
  }
}

/**
 * Finishes what was begun, if something was.
 *
 * @returns whether there was a journal
 * @throws FacekitError `OUTPUT_FOLDER` for one that cannot be read
 */
export async function finishCommit(output: string, claim: Claim, place: Place): Promise<boolean> {
  const path = join(claim.folder, JOURNAL_NAME)
  let journal: Journal
  try {
    journal = parseJournal(await readFile(path, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw new FacekitError(
      'OUTPUT_FOLDER',
      `Expected what a killed run had still to do in ${path} but ${(cause as Error).message}. Remove ${claim.folder}, and make the files of ${output} anew.`,
      { cause },
    )
  }
  await new Moves(output, claim, place, journal).carryOut()
  return true
}

/** Whether a hidden folder holds a set that is complete and not yet in its place. */
export async function hasJournal(hidden: string): Promise<boolean> {
  return (await statsOf(join(hidden, JOURNAL_NAME))) !== undefined
}

/** What a journal says, step by step: each may have been done before. */
class Moves {
  readonly #output: string
  readonly #claim: Claim
  readonly #place: Place
  readonly #kind: OutputKind
  readonly #names: readonly string[]
  readonly #removesRecord: boolean
  /** Names right in the output that the earlier run made, and its files: under their own names, or of a folder. */
  readonly #earlier = new Map<string, Map<string, number>>()
  /** What is not in its place yet. */
  readonly #coming = new Set<string>()
  readonly #removed: string[] = []
  readonly #kept: string[] = []
  hasBegun = false

  constructor(output: string, claim: Claim, place: Place, { kind, earlier, names, removesRecord }: Journal) {
    this.#output = output
    this.#claim = claim
    this.#place = place
    this.#kind = kind
    this.#names = names
    this.#removesRecord = removesRecord
    for (const [path, size] of earlier) {
      const [name, file = name] = path.split('/') as [string, string?]
      const files = this.#earlier.get(name) ?? new Map<string, number>()
      this.#earlier.set(name, files.set(file, size))
    }
  }

  async carryOut(): Promise<Committed> {
    const hidden = this.#claim.folder
    for (const name of this.#names) if (await statsOf(join(hidden, name))) this.#coming.add(name)
    for (const entry of await readdir(hidden)) {
      const name = OLD.exec(entry)?.[1]
      if (name !== undefined) await this.#remove(join(hidden, entry), name)
    }
    const arrived = new Set(this.#names.filter((name) => !this.#coming.has(name)))
    for (const name of this.#earlier.keys()) if (!arrived.has(name)) await this.#retire(name)
    for (const name of this.#coming) {
      // What came since the run looked, and folders of previews none of which could be made.
      await this.#retire(name)
      await this.#move(join(hidden, name), join(this.#output, name))
    }
    const { record } = this.#place
    if (this.#removesRecord) await unlink(join(this.#output, record)).catch(ignoreMissing)
    else await this.#move(join(hidden, record), join(this.#output, record))
    await sync(this.#output)
    // While the journal is there: what the record of the run speaks of has been moved away.
    await removeRunRecord(hidden)
    await unlink(join(hidden, JOURNAL_NAME))
    await sync(hidden)
    return { removed: this.#removed.sort(), kept: this.#kept }
  }

  /** @returns whether there was something to move */
  async #move(from: string, to: string): Promise<boolean> {
    // A process that was stopped for long, and taken for gone, must not go on here.
    await this.#claim.check()
    try {
      await rename(from, to)
    } catch (error) {
      ignoreMissing(error)
      return false
    }
    this.hasBegun = true
    return true
  }

  /** Takes what stands under a name out of the way: into the hidden folder, where nobody puts anything in its place. */
  async #retire(name: string): Promise<void> {
    const path = join(this.#output, name)
    const old = join(this.#claim.folder, `old-${randomBytes(4).toString('hex')}-${name}`)
    try {
      if (await this.#move(path, old)) await this.#remove(old, name)
    } catch (error) {
      // A folder of a lower layer of an overlay, as in an image of a container, cannot be moved, but emptied.
      const isFixed = (error as NodeJS.ErrnoException).code === 'EXDEV' && isFolderOf(this.#kind, name)
      if (!isFixed) throw error
      this.hasBegun = true
      if (!(await this.#removeMade(path, name)) && this.#coming.has(name)) throw error
    }
  }

  /** Removes what the earlier run made; what else there is goes back, or aside where a new file comes. */
  async #remove(old: string, name: string): Promise<void> {
    const isComing = this.#coming.has(name)
    if (await this.#removeMade(old, name)) {
      if (!isComing && !isFolderOf(this.#kind, name)) this.#removed.push(name)
      return
    }
    const rest = isComing ? `${name}.kept-${randomBytes(4).toString('hex')}` : name
    await rename(old, join(this.#output, rest))
    if (isComing) this.#kept.push(rest)
  }

  /** @returns whether that was all of it */
  async #removeMade(path: string, name: string): Promise<boolean> {
    const files = this.#earlier.get(name) ?? new Map<string, number>()
    if (!isFolderOf(this.#kind, name)) return removeFile(path, files.get(name))
    if (!(await statsOf(path))?.isDirectory()) return false
    for (const [file, size] of files) await removeFile(join(path, file), size)
    return rmdir(path).then(
      () => true,
      () => false,
    )
  }
}

/** @returns whether it was the file of this size */
async function removeFile(path: string, size: number | undefined): Promise<boolean> {
  const stats = await statsOf(path)
  if (!stats?.isFile() || stats.size !== size) return false
  await unlink(path)
  return true
}

async function statsOf(path: string) {
  return lstat(path).catch(ignoreMissing)
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

/** As hostile as any file: only names that facekit gives are moved, and only what is recorded is removed. */
function parseJournal(text: string): Journal {
  const { kind, earlier, names, removesRecord } = JSON.parse(text) as Record<string, unknown>
  if (typeof kind !== 'string' || !isOutputKind(kind) || !Array.isArray(names))
    throw new Error('it holds no journal')
  const isName = (name: unknown): name is string => typeof name === 'string' && isNameOf(kind, name)
  const odd = names.findIndex((name) => !isName(name))
  if (odd >= 0) throw new Error(`it holds ${JSON.stringify(names[odd])}, which is no name of ${kind}`)
  return {
    kind,
    earlier: parseMade(kind, earlier),
    names: names.filter(isName),
    removesRecord: removesRecord === true,
  }
}
