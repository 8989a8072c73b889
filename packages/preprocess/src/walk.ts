import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from './errors.js'

const collator = new Intl.Collator('en', { numeric: true })

/** `img2` before `img10`; names that collate alike in the order of their code units. */
function naturalOrder(a: Dirent, b: Dirent): number {
  return collator.compare(a.name, b.name) || (a.name < b.name ? -1 : 1)
}

/** facekit's own unfinished files. */
const HIDDEN_PREFIX = '.facekit-'

/**
 * The files under a folder whose names are wanted, a run of them at a time, in natural order; a folder comes at the
 * place of its name. Holds the names of the folders on the way down, no more.
 *
 * @param ancestors real paths of the folders above; a link back to one of them is not followed
 * @throws InputError `INPUT_UNREADABLE`
 */
export async function* walk(
  folder: string,
  isWanted: (name: string) => boolean,
  ancestors: readonly string[] = [],
): AsyncGenerator<string[]> {
  const { real, entries } = await readFolder(folder)
  if (ancestors.includes(real)) return
  let files: string[] = []
  for (const entry of entries.sort(naturalOrder)) {
    const path = join(folder, entry.name)
    if (await isFolder(entry, path)) {
      if (entry.name.startsWith(HIDDEN_PREFIX)) continue
      yield files
      files = []
      yield* walk(path, isWanted, [...ancestors, real])
    } else if (isWanted(entry.name)) {
      files.push(path)
    }
  }
  yield files
}

async function readFolder(folder: string): Promise<{ real: string; entries: Dirent[] }> {
  try {
    return { real: await realpath(folder), entries: await readdir(folder, { withFileTypes: true }) }
  } catch (cause) {
    throw new InputError(
      'INPUT_UNREADABLE',
      `Expected to read the folder ${folder} but ${(cause as Error).message}. Check its permissions.`,
      { cause },
    )
  }
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (entry.isDirectory()) return true
  if (entry.isFile()) return false
  // A link, or a file system that does not say. One that leads nowhere is a file that cannot be read.
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
