import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFolderOf } from './output-kinds.js'
import { RECORD_NAME } from './output-record.js'

/**
 * The folders of previews that the record in a folder names: they hold copies of pictures, and no pictures of their own.
 * Nothing where there is no record, or none that can be read: whoever only reads has no use for it.
 */
export async function foldersOfResults(folder: string): Promise<Set<string>> {
  try {
    const record = JSON.parse(await readFile(join(folder, RECORD_NAME), 'utf8')) as Partial<
      Record<string, object>
    >
    // Records of the first version list folders with their files.
    const names = [...Object.keys(record['labels'] ?? {}), ...Object.keys(record['folders'] ?? {})]
    return new Set(names.map((path) => path.split('/', 1)[0]!).filter((name) => isFolderOf('labels', name)))
  } catch {
    return new Set()
  }
}
