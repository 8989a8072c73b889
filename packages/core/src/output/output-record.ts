import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError } from '../errors.js'
import type { Place } from './place.js'
import { parseIdentity, type RunIdentity } from './run-record.js'
import { isFileOf, isFolderOf, OUTPUT_KINDS, type OutputKind } from './output-kinds.js'

/** Files that a run made, and their sizes in bytes: `group_0000/a.jpg` for one in a folder. */
export type MadeFiles = ReadonlyMap<string, number>

/** What the last run of a command made in a folder: what the next one may replace or remove. */
export interface MadeByRun {
  files: MadeFiles
  /** What that run was of, where it said so. */
  identity?: RunIdentity
}

export type OutputRecord = ReadonlyMap<OutputKind, MadeByRun>

/** The first had names without sizes, which vouch for nothing; the second did not say what the runs were of. */
const VERSION = 3

const KINDS = Object.keys(OUTPUT_KINDS) as OutputKind[]

/**
 * Reads what runs made in a place of a folder; nothing where there is no record. Names that facekit does not give are passed over,
 * whoever wrote them.
 *
 * @throws FacekitError `OUTPUT_FOLDER` for a record that cannot be read: nobody knows then what may be removed
 */
export async function readRecord(folder: string, { record }: Place): Promise<OutputRecord> {
  const path = join(folder, record)
  try {
    return parseRecord(await readFile(path, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw new FacekitError(
      'OUTPUT_FOLDER',
      `Expected the record of an earlier run at ${path} but ${(cause as Error).message}. Remove it, and what that run made counts as yours; or choose another folder.`,
      { cause },
    )
  }
}

export function formatRecord(record: OutputRecord): string {
  const kinds = [...record]
  const sizes = kinds.map(([kind, { files }]) => [kind, Object.fromEntries([...files].sort())] as const)
  const identities = Object.fromEntries(
    kinds.flatMap(([kind, { identity }]) => (identity ? [[kind, identity]] : [])),
  )
  return `${JSON.stringify({ version: VERSION, ...Object.fromEntries(sizes), identities })}\n`
}

/** @throws Error that says what it holds instead */
export function parseRecord(text: string): OutputRecord {
  const record = JSON.parse(text) as unknown
  if (!isObject(record)) throw new Error('it holds no record')
  if (typeof record['version'] === 'number' && record['version'] > VERSION)
    throw new Error(`it is of version ${record['version']}, of a facekit that is newer than this one`)
  const identities = isObject(record['identities']) ? record['identities'] : {}
  return new Map(
    KINDS.filter((kind) => kind in record).map((kind) => {
      const files = parseMade(kind, record[kind])
      return [kind, kind in identities ? { files, identity: parseIdentity(identities[kind]) } : { files }]
    }),
  )
}

export function parseMade(kind: OutputKind, value: unknown): MadeFiles {
  if (!isObject(value)) throw new Error(`it holds no files of ${kind}`)
  const sizes = Object.entries(value).filter(
    (entry): entry is [string, number] => isFileOf(kind, entry[0]) && typeof entry[1] === 'number',
  )
  return new Map(sizes)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Looks whether a file or folder is what a run made, all of it and nothing else.
 *
 * @param name under which it was made, right in the output
 * @param path where it stands now
 * @returns why it is not, to follow its path; undefined where it is, or where nothing stands there
 */
export async function whyForeign(
  kind: OutputKind,
  made: MadeFiles,
  name: string,
  path: string,
): Promise<string | undefined> {
  // Not through a link: what it leads to is not ours.
  const stats = await lstat(path).catch(ignoreMissing)
  if (!stats) return undefined
  if (isFolderOf(kind, name)) {
    if (!stats.isDirectory()) return 'is no folder'
    for (const file of await readdir(path)) {
      const why = await whyForeignFile(join(path, file), made.get(`${name}/${file}`))
      if (why !== undefined) return `holds ${file}, which ${why}`
    }
    return undefined
  }
  if (stats.isDirectory()) return 'is a folder that facekit did not make'
  const why = await whyForeignFile(path, made.get(name))
  return why && `is a file that ${why}`
}

async function whyForeignFile(path: string, size: number | undefined): Promise<string | undefined> {
  if (size === undefined) return 'facekit did not make'
  const stats = await lstat(path).catch(ignoreMissing)
  return stats && !(stats.isFile() && stats.size === size) ? 'was changed since facekit made it' : undefined
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
