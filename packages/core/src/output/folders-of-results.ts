import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFolderOf } from './output-kinds.js'
import { placeOf } from './place.js'

/**
 * The folders of previews that the record in a folder names, or that of a set which is just moved there, or was when a
 * run was killed: they hold copies of pictures, and no pictures of their own. Nothing where there is no record, or none
 * that can be read: whoever only reads has no use for it.
 */
export async function foldersOfResults(folder: string): Promise<Set<string>> {
  // The one on its way first: it may arrive meanwhile.
  const { hidden, record } = placeOf()
  const coming = await foldersOf(join(folder, hidden, record))
  return new Set([...coming, ...(await foldersOf(join(folder, record)))])
}

async function foldersOf(recordFile: string): Promise<string[]> {
  try {
    const record = JSON.parse(await readFile(recordFile, 'utf8')) as Partial<Record<string, object>>
    // Records of the first version list folders with their files.
    const names = [...Object.keys(record['labels'] ?? {}), ...Object.keys(record['folders'] ?? {})]
    return names.map((path) => path.split('/', 1)[0]!).filter((name) => isFolderOf('labels', name))
  } catch {
    return []
  }
}
