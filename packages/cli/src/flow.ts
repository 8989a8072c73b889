import { Transform, type Duplex, type Readable, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import highland from 'highland'

type Batches = Highland.Stream<unknown>

/** Sees every batch on its way; the flow waits for it. */
export type Tap = (batches: Batches) => Batches

export function tap<Batch>(see: (batch: Batch) => void | Promise<void>): Tap {
  const passOn = async (batch: unknown) => {
    // The stage before decides what comes here; highland does not carry its type.
    await see(batch as Batch)
    return batch
  }
  return (batches) => batches.flatMap((batch) => highland(passOn(batch)))
}

/** Passes every batch on, and checks something when the last has passed, before the next stage hears of the end. */
export function atEnd(check: () => Promise<void>): Transform {
  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform: (batch, _encoding, callback) => callback(null, batch),
    flush: (callback) => void check().then(() => callback(), callback),
  })
}

/**
 * Runs a source through stages and taps into a sink, at the pace of the slowest.
 *
 * highland connects them; this sees to their ends: the first error, of any of them or of the signal, destroys all, and
 * the flow is over only when every one has released what it held.
 *
 * @param isDone whether all that was wanted is there: a signal that comes later is no failure
 * @throws the first error
 */
export async function flow(
  source: Readable,
  stages: readonly (Duplex | Tap)[],
  sink: Writable,
  signal?: AbortSignal,
  isDone = () => false,
): Promise<void> {
  const streams = [source, ...stages.filter((stage) => typeof stage !== 'function'), sink]
  let first: unknown
  const stop = (error: unknown) => {
    first ??= error
    for (const stream of streams) stream.destroy()
  }
  const onAbort = () => stop(signal?.reason)
  const ends = streams.map((stream) => finished(stream).catch(stop))
  const closes = streams.map((stream) => new Promise((resolve) => stream.once('close', resolve)))
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()

  stages
    .reduce<Batches>(
      (batches, stage) => (typeof stage === 'function' ? stage(batches) : batches.through(stage)),
      highland(source),
    )
    .errors(stop)
    .pipe(sink)

  await Promise.all([...ends, ...closes])
  signal?.removeEventListener('abort', onAbort)
  if (first !== undefined && !(first === signal?.reason && isDone())) throw first
}
