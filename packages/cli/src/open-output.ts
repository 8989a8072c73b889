import { PendingFiles } from '@facekit/core'
import type { Talk } from './talk.js'

/** Files on their way into a folder. What killed runs left there goes, and that is said. */
export async function openOutput(folder: string, talk: Talk): Promise<PendingFiles> {
  const pending = await PendingFiles.in(folder)
  if (pending.leftovers.length > 0)
    talk.warn(`Removed what a killed run left in ${folder}: ${pending.leftovers.join(', ')}`)
  return pending
}
