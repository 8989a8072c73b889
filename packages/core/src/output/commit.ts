import { randomBytes } from 'node:crypto'
import { lstat, readdir, readFile, rename, rmdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError } from '../errors.js'
import { isFolderOf, isNameOf, isOutputKind, type OutputKind } from './output-kinds.js'
import {
  formatRecord,
  parseMade,
  RECORD_NAME,
  topNames,
  type MadeFiles,
  type OutputRecord,
} from './output-record.js'
import { sync, syncTree } from './synced.js'

/** In the hidden folder from when the set is complete until all of it is in its place. */
const JOURNAL_NAME = 'commit.json'

/** What is left to do once a set is complete, whoever does it. */
interface Journal {
  kind: OutputKind
  /** What is to go: files of the earlier run. */
  earlier: MadeFiles
  /** What is to come: names in the hidden folder and, later, in the output. */
  names: readonly string[]
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
 * @param hidden folder in there that holds it
 * @param record of the output, when all is done
 */
export async function commitSet(
  output: string,
  hidden: string,
  journal: Journal,
  record: OutputRecord,
): Promise<Committed> {
  for (const name of journal.names) await syncTree(join(hidden, name))
  await writeSynced(join(hidden, RECORD_NAME), formatRecord(record))
  const draft = join(hidden, `${JOURNAL_NAME}-draft`)
  await writeSynced(draft, JSON.stringify({ ...journal, earlier: Object.fromEntries(journal.earlier) }))
  await rename(draft, join(hidden, JOURNAL_NAME))
  await sync(hidden)
  return carryOut(output, hidden, journal)
}

/**
 * Finishes what was begun, if something was.
 *
 * @returns whether there was a journal
 * @throws FacekitError `OUTPUT_FOLDER` for one that cannot be read
 */
export async function finishCommit(output: string, hidden: string): Promise<boolean> {
  const path = join(hidden, JOURNAL_NAME)
  let journal: Journal
  try {
    journal = parseJournal(await readFile(path, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw new FacekitError(
      'OUTPUT_FOLDER',
      `Expected what a killed run had still to do in ${path} but ${(cause as Error).message}. Remove ${hidden}, and make the files of ${output} anew.`,
      { cause },
    )
  }
  await carryOut(output, hidden, journal)
  return true
}

/** Whether a hidden folder holds a set that is complete and not yet in its place. */
export async function hasJournal(hidden: string): Promise<boolean> {
  return (await statsOf(join(hidden, JOURNAL_NAME))) !== undefined
}

/** Every step may have been done before. */
async function carryOut(output: string, hidden: string, journal: Journal): Promise<Committed> {
  const coming = new Set<string>()
  for (const name of journal.names) if (await statsOf(join(hidden, name))) coming.add(name)
  const [removed, kept] = [[] as string[], [] as string[]]
  const remove = async (old: string, name: string) => {
    if (await removeMade(old, name, journal)) {
      if (!coming.has(name) && !isFolderOf(journal.kind, name)) removed.push(name)
      return
    }
    const rest = coming.has(name) ? `${name}.kept-${randomBytes(4).toString('hex')}` : name
    await rename(old, join(output, rest))
    if (rest !== name) kept.push(rest)
  }
  // Into the hidden folder first, where nobody puts anything in its place while it is looked at.
  const retire = async (name: string) => {
    const [path, old] = [join(output, name), join(hidden, `old-${randomBytes(4).toString('hex')}-${name}`)]
    try {
      if (await renameIfThere(path, old)) await remove(old, name)
    } catch (error) {
      // A folder of a lower layer of an overlay, as in an image of a container, cannot be moved, but emptied.
      const isFixed = (error as NodeJS.ErrnoException).code === 'EXDEV' && isFolderOf(journal.kind, name)
      if (!isFixed || (!(await removeMade(path, name, journal)) && coming.has(name))) throw error
    }
  }

  for (const entry of await readdir(hidden)) {
    const name = OLD.exec(entry)?.[1]
    if (name !== undefined) await remove(join(hidden, entry), name)
  }
  const arrived = new Set(journal.names.filter((name) => !coming.has(name)))
  for (const name of topNames(journal.earlier)) if (!arrived.has(name)) await retire(name)
  for (const name of coming) {
    // What came since the run looked, and folders of previews none of which could be made.
    await retire(name)
    await rename(join(hidden, name), join(output, name))
  }
  await renameIfThere(join(hidden, RECORD_NAME), join(output, RECORD_NAME))
  await sync(output)
  await unlink(join(hidden, JOURNAL_NAME))
  await sync(hidden)
  return { removed: removed.sort(), kept }
}

/**
 * Removes what the earlier run made, of a file or of the files in a folder.
 *
 * @returns whether that was all of it
 */
async function removeMade(path: string, name: string, { kind, earlier }: Journal): Promise<boolean> {
  if (!isFolderOf(kind, name)) return removeFile(path, earlier.get(name))
  if (!(await statsOf(path))?.isDirectory()) return false
  for (const [file, size] of earlier) {
    const [folder, inFolder] = file.split('/') as [string, string?]
    if (folder === name && inFolder !== undefined) await removeFile(join(path, inFolder), size)
  }
  return rmdir(path).then(
    () => true,
    () => false,
  )
}

/** @returns whether it was the file of this size */
async function removeFile(path: string, size: number | undefined): Promise<boolean> {
  const stats = await statsOf(path)
  if (!stats?.isFile() || stats.size !== size) return false
  await unlink(path)
  return true
}

async function writeSynced(path: string, text: string): Promise<void> {
  await writeFile(path, text)
  await sync(path)
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    ignoreMissing(error)
    return false
  }
}

async function statsOf(path: string) {
  return lstat(path).catch(ignoreMissing)
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

/** As hostile as any file: only names that facekit gives are moved, and only what is recorded is removed. */
function parseJournal(text: string): Journal {
  const { kind, earlier, names } = JSON.parse(text) as Record<string, unknown>
  if (typeof kind !== 'string' || !isOutputKind(kind) || !Array.isArray(names))
    throw new Error('it holds no journal')
  const isName = (name: unknown): name is string => typeof name === 'string' && isNameOf(kind, name)
  const odd = names.findIndex((name) => !isName(name))
  if (odd >= 0) throw new Error(`it holds ${JSON.stringify(names[odd])}, which is no name of ${kind}`)
  return { kind, earlier: parseMade(kind, earlier), names: names.filter(isName) }
}
