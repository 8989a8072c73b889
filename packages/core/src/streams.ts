import type { Duplex, Readable, Writable } from 'node:stream'

/** A `Readable` whose batches have a type where they are iterated or collected. */
export interface SourceOf<Out> extends Readable {
  /** Its batches, in order; whoever leaves the loop destroys the stream. */
  [Symbol.asyncIterator](): Iteration<Out>
  iterator(options?: { destroyOnReturn?: boolean }): Iteration<Out>
  toArray(options?: { signal?: AbortSignal }): Promise<Out[]>
}

/** A `Writable` whose batches have a type where they are written. */
export interface SinkOf<In> extends Writable {
  write(batch: In, done?: Done): boolean
  write(this: never, bytes: Bytes, encoding?: BufferEncoding | Done, done?: Done): boolean
  end(done?: () => void): this
  end(batch: In, done?: () => void): this
  end(this: never, bytes: Bytes, encoding?: BufferEncoding | (() => void), done?: () => void): this
}

/** A `Duplex` of batches: what a stage is that has others before and after it. */
export interface StageOf<In, Out> extends Duplex {
  /** Its batches, in order; whoever leaves the loop destroys the stream. */
  [Symbol.asyncIterator]: SourceOf<Out>[typeof Symbol.asyncIterator]
  iterator: SourceOf<Out>['iterator']
  toArray: SourceOf<Out>['toArray']
  write: SinkOf<In>['write']
  end(done?: () => void): this
  end(batch: In, done?: () => void): this
  end(this: never, bytes: Bytes, encoding?: BufferEncoding | (() => void), done?: () => void): this
}

// Node's types ask for streams of bytes where any would do (`pipeline`, `pipe`, `NodeJS.ReadWriteStream`), and nothing is
// assignable to these that gives or takes something else. So each method has a second signature, of bytes, which lets it
// pass there; `this: never` keeps it from being called, and from being seen by `await`.

type Bytes = string | Uint8Array
type Done = (error?: Error | null) => void

interface Iteration<Out> extends ReturnType<Readable[typeof Symbol.asyncIterator]> {
  next(): Step<Out>
  return?(): Step<Out>
  throw?(error?: unknown): Step<Out>
  [Symbol.asyncIterator](): Iteration<Out>
}

type Then<T> = Promise<IteratorResult<T, undefined>>['then']

// `catch` and `finally` have no second signature.
// oxlint-disable-next-line typescript/no-explicit-any -- nothing else is assignable to a promise of bytes
type Untyped = Promise<any>

interface Step<Out> extends Untyped {
  then: ((this: never, ...args: Parameters<Then<string | Buffer>>) => Untyped) & Then<Out>
}
