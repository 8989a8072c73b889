import { basename, dirname } from 'node:path'
import { PendingFiles } from '@facekit/core'

/**
 * Writes one file so that it appears under its name whole or not at all.
 *
 * @param write gets where to write the file, and a place for a scratch file
 */
export async function writeAtomically(
  file: string,
  write: (path: string, scratchPath: string) => Promise<void>,
): Promise<void> {
  const pending = await PendingFiles.in(dirname(file))
  try {
    await write(pending.path(basename(file)), pending.scratchPath('spool'))
    await pending.commit()
  } catch (error) {
    await pending.discard()
    throw error
  }
}
