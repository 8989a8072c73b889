import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { FacekitError } from './errors.js'

/** Hidden, in the folder that it is about. */
export const RECORD_NAME = '.facekit.json'

/** What runs made in a folder: what a later run may replace or remove. */
export interface OutputRecord {
  /** Names of files. */
  files: ReadonlySet<string>
  /** Names of folders and of the files in each. */
  folders: ReadonlyMap<string, ReadonlySet<string>>
}

export const NOTHING_MADE: OutputRecord = { files: new Set(), folders: new Map() }

/**
 * Reads what earlier runs made in a folder; nothing where there is no record.
 *
 * @throws FacekitError `OUTPUT_FOLDER` for a record that cannot be read: nobody knows then what may be removed
 */
export async function readRecord(folder: string): Promise<OutputRecord> {
  const path = join(folder, RECORD_NAME)
  try {
    return parse(await readFile(path, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING_MADE
    throw new FacekitError(
      'OUTPUT_FOLDER',
      `Expected the record of an earlier run at ${path} but ${(cause as Error).message}. Remove it, and what that run made counts as yours; or choose another folder.`,
      { cause },
    )
  }
}

export async function writeRecord(path: string, { files, folders }: OutputRecord): Promise<void> {
  const contents = [...folders].map(([name, names]) => [name, [...names].sort()] as const)
  const record = { files: [...files].sort(), folders: Object.fromEntries(contents) }
  await writeFile(path, `${JSON.stringify(record)}\n`)
}

/** What is in either. */
export function mergeRecords(a: OutputRecord, b: OutputRecord): OutputRecord {
  const folders = new Map(a.folders)
  for (const [name, names] of b.folders) folders.set(name, new Set([...(folders.get(name) ?? []), ...names]))
  return { files: new Set([...a.files, ...b.files]), folders }
}

function parse(text: string): OutputRecord {
  const { files, folders } = JSON.parse(text) as { files: unknown; folders: object }
  return {
    files: namesIn(files),
    folders: new Map(Object.entries(folders).map(([name, names]) => [nameIn(name), namesIn(names)])),
  }
}

function namesIn(value: unknown): Set<string> {
  if (!Array.isArray(value)) throw new Error('it holds no list of names')
  return new Set(value.map(nameIn))
}

/** What is recorded may be removed: nothing beside the folder's own files is. */
function nameIn(value: unknown): string {
  if (typeof value !== 'string' || value !== basename(value) || ['', '.', '..'].includes(value)) {
    throw new Error(`it holds ${JSON.stringify(value)}, which is no name`)
  }
  return value
}
