import type { SourceOf } from './streams.js'

/** Whatever gives batches, one after the other: a stream of Node, a stream of highland, or anything that is iterable. */
export type BatchesOf<T> = AsyncIterable<T> | Iterable<T> | HighlandOf<T>

/** Of a highland stream, what is needed of it, so that nobody needs highland. */
interface HighlandOf<T> {
  toNodeStream(options: object): NodeJS.ReadableStream
  toArray(done: (batches: T[]) => void): void
  destroy(): void
}

/** One way to read them all, each batch when it is asked for; whoever stops early destroys what is a stream. */
export function iterate<T>(batches: BatchesOf<T>): AsyncIterable<T> {
  // What comes out is what highland was given.
  if ('toNodeStream' in batches) return nodeStream(batches) as SourceOf<T>
  return Symbol.asyncIterator in batches ? batches : oneByOne(batches)
}

function nodeStream(batches: HighlandOf<unknown>): NodeJS.ReadableStream {
  const stream = batches.toNodeStream({ objectMode: true, highWaterMark: 1 })
  return stream.once('close', () => batches.destroy())
}

async function* oneByOne<T>(batches: Iterable<T>): AsyncGenerator<T> {
  yield* batches
}
