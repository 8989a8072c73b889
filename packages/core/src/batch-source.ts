import { Readable } from 'node:stream'
import type { SourceOf } from './streams.js'

/**
 * A stage without input: what an async generator yields, one batch ahead of the consumer.
 *
 * @param generate its signal aborts when the stream is destroyed: a generator that waits or works must end then, since
 * nothing else reaches it before its next yield. The stream closes when it has.
 */
export function batchSource<T>(generate: (signal: AbortSignal) => AsyncGenerator<T>): SourceOf<T> {
  const abort = new AbortController()
  const batches = generate(abort.signal)
  return new Readable({
    objectMode: true,
    highWaterMark: 1,
    read() {
      batches.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: Error) => this.destroy(error),
      )
    },
    destroy(error, callback) {
      abort.abort(error ?? undefined)
      batches.return(undefined).then(
        () => callback(error),
        (closeError: Error) => callback(error ?? closeError),
      )
    },
  })
}
