import { FacekitError, forgetPartFailure, notePartFailure, type Part } from '@facekit/core'
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
    const isNoFailure =
      error instanceof Interruption || (error instanceof FacekitError && error.code === 'OUTPUT_BUSY')
    const { message } = error as Error
    // Where the folder cannot be written to there is none to leave word in.
    if (!isNoFailure) await notePartFailure(folder, part, message).catch(() => {})
    throw error
  }
}
