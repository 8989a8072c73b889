import { printable } from './printable.js'
import type { StandardStreams } from './standard-streams.js'

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
  await new Promise<void>((resolve, reject) => {
    streams[to].write(
      `${printable(JSON.stringify(summary))}\n`,
      (error: NodeJS.ErrnoException | null | undefined) => {
        if (error && !(to === 'stderr' && error.code === 'EPIPE')) reject(error)
        else resolve()
      },
    )
  })
}
