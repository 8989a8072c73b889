import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sync } from './synced.js'

/**
 * Creates a folder and those above it where they are missing.
 *
 * Not the recursive `mkdir` of Node 20: it turns in a circle, and takes no signal any more, where a folder that is there
 * takes no other into it (`/proc`).
 *
 * @throws the error of the system
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
    // That it is there outlasts a loss of power, where the folder above can be read.
    await sync(dirname(folder)).catch(() => {})
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await isFolder(folder))) return
    const parent = dirname(folder)
    if (code !== 'ENOENT' || parent === folder || (await isFolder(parent))) throw error
    await makeFolder(parent)
    await mkdir(folder).catch(async (again: unknown) => {
      // Another run may have been faster.
      if (!(await isFolder(folder))) throw again
    })
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
