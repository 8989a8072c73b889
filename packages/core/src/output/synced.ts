import { lstat, open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Makes a file, or a folder and all in it, outlast a loss of power: without this a rename can outlive what it names. */
export async function syncTree(path: string): Promise<void> {
  const stats = await lstat(path)
  if (stats.isDirectory()) {
    for (const name of await readdir(path)) await syncTree(join(path, name))
  }
  await sync(path)
}

/** A file, or the names in a folder. */
export async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } catch (error) {
    // Some file systems, of networks above all, do not sync folders.
    if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await file.close()
  }
}

/** Writes a small file that outlasts a loss of power, if its name does. */
export async function writeSynced(path: string, text: string): Promise<void> {
  await writeFile(path, text)
  await sync(path)
}
