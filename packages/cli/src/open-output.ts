import { PendingFiles, settleOutput, type Committed, type OutputKind } from '@facekit/core'
import type { Talk } from './talk.js'

/** Files on their way into a folder. What a killed run had left there goes, or is finished, and that is said. */
export async function openOutput(folder: string, kind: OutputKind, talk: Talk): Promise<PendingFiles> {
  const pending = await PendingFiles.in(folder, kind)
  if (pending.leftover === 'removed') talk.warn(`Removed what a killed run left in ${folder}`)
  if (pending.leftover === 'finished') sayFinished(folder, talk)
  return pending
}

/** Makes sure that a folder that is read holds one set of files; see `settleOutput`. */
export async function settleInput(folder: string, talk: Talk): Promise<void> {
  if (await settleOutput(folder)) sayFinished(folder, talk)
}

function sayFinished(folder: string, talk: Talk): void {
  talk.warn(`Finished what a killed run had begun: its files are in their places in ${folder}`)
}

/** What a commit did beside bringing the files. */
export function sayCommitted({ removed, kept }: Committed, talk: Talk): void {
  if (removed.length > 0)
    talk.warn(`Removed ${removed.length} files of an earlier run: ${removed.join(', ')}`)
  if (kept.length > 0) talk.warn(`Put aside what came in the way meanwhile: ${kept.join(', ')}`)
}
