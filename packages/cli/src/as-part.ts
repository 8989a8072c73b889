import {
  checkPartFits,
  FacekitError,
  forgetPartFailure,
  notePartFailure,
  OptionError,
  type Part,
} from '@facekit/core'
import { Interruption } from './interruption.js'

/**
 * Does the work of a part, and leaves word beside the others where it fails: whoever looks at a run of many machines reads
 * it there. What is stopped, or what another process is at, has not failed.
 */
export async function asPart<T>(folder: string, part: Part | undefined, work: () => Promise<T>): Promise<T> {
  if (!part) return work()
  try {
    const result = await work()
    await forgetPartFailure(folder, part)
    return result
  } catch (error) {
    // Where the folder cannot be written to there is none to leave word in.
    if (isFailure(error) && (await fits(folder, part)))
      await notePartFailure(folder, part, (error as Error).message).catch(() => {})
    throw error
  }
}

function isFailure(error: unknown): boolean {
  // A slip of whoever typed it says nothing of the part.
  if (error instanceof Interruption || error instanceof OptionError) return false
  return !(error instanceof FacekitError && error.code === 'OUTPUT_BUSY')
}

/** Not where the number was a slip. */
async function fits(folder: string, part: Part): Promise<boolean> {
  return checkPartFits(folder, part).then(
    () => true,
    () => false,
  )
}
