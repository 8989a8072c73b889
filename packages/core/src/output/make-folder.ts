import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sync } from './synced.js'

/**
 * Creates a folder and those above it where they are missing.
 *
 * Not the recursive `mkdir` of Node 20: it turns in a circle, and takes no signal any more, where a folder that is there
 * takes no other into it (`/proc`).
 *
 * @returns the folders that it created, the innermost first
 * @throws the error of the system
 */
export async function makeFolder(folder: string): Promise<string[]> {
  const parent = dirname(folder)
  try {
    return await makeOne(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' || parent === folder || (await isFolder(parent))) throw error
  }
  const above = await makeFolder(parent)
  return [...(await makeOne(folder)), ...above]
}

/** Nothing is created where it is there already; another run may have been faster. */
async function makeOne(folder: string): Promise<string[]> {
  try {
    await mkdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await isFolder(folder))) return []
    throw error
  }
  // That it is there outlasts a loss of power, where the folder above can be read.
  await sync(dirname(folder)).catch(() => {})
  return [folder]
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
