import { Writable } from 'node:stream'
import { silenceStreams } from './standard-streams.js'

/**
 * Writes bytes to stdout and waits until each piece is taken. Unlike process.stdout itself it ends, so that a flow can
 * end in it; a reader that went away is an error with the code EPIPE.
 */
export function stdoutSink(): Writable {
  silenceStreams()
  return new Writable({
    write(chunk: Uint8Array, _encoding, callback) {
      process.stdout.write(chunk, callback)
    },
  })
}
