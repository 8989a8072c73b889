import { printable } from '@facekit/core'
import type { Output, StandardStreams } from './standard-streams.js'

/**
 * Prints a summary in one line of JSON, keys as in the summary types, and waits until it is taken.
 *
 * @throws the error of the system where it is not, unless nobody listens to stderr any more
 */
export async function printSummary(
  summary: object,
  streams: StandardStreams,
  to: 'stdout' | 'stderr' = 'stdout',
): Promise<void> {
  try {
    await print(`${printable(JSON.stringify(summary))}\n`, streams[to])
  } catch (error) {
    if (!(to === 'stderr' && (error as NodeJS.ErrnoException).code === 'EPIPE')) throw error
  }
}

/** Writes text and waits until it is taken. @throws the error of the system where it is not */
export async function print(text: string, to: Output): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    to.write(text, (error) => (error ? reject(error) : resolve()))
  })
}
