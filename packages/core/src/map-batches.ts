import { Duplex } from 'node:stream'
import { checkPositiveInteger } from './options.js'
import type { StageOf } from './streams.js'

/** What a stage does with each batch. */
export interface MapBatchesOptions<In, Out> {
  /** Turns one batch into another. The signal aborts when the stage is destroyed. */
  map: (batch: In, signal: AbortSignal) => Promise<Out>
  /** Batches in the hands of the stage at once: being mapped, or mapped and waiting for an earlier one. */
  concurrency: number
  /** Releases what the stage holds; called once, at the end, on error and on early exit alike. */
  close?: () => Promise<void>
}

/**
 * A stage: batches in, batches out, in order, with bounded work in flight.
 *
 * At most `concurrency` batches are held, plus one waiting at each end of the stream: a slow consumer stops the
 * producer after `concurrency + 2` batches.
 */
export function mapBatches<In, Out>(options: MapBatchesOptions<In, Out>): StageOf<In, Out> {
  checkPositiveInteger('concurrency', options.concurrency)
  return new BatchMapper(options)
}

class BatchMapper<In, Out> extends Duplex {
  readonly #options: MapBatchesOptions<In, Out>
  readonly #abort = new AbortController()
  readonly #inFlight: Promise<Out>[] = []
  #acceptNext: (() => void) | undefined
  #ended = false
  #wanted = false
  #delivering = false

  constructor(options: MapBatchesOptions<In, Out>) {
    super({ objectMode: true, readableHighWaterMark: 1, writableHighWaterMark: 1 })
    this.#options = options
  }

  override _write(batch: In, _encoding: BufferEncoding, callback: () => void): void {
    const result = this.#options.map(batch, this.#abort.signal)
    // A failure is delivered in its turn; until then it must not count as unhandled.
    result.catch(() => {})
    this.#inFlight.push(result)
    if (this.#inFlight.length < this.#options.concurrency) callback()
    else this.#acceptNext = callback
    void this.#deliver()
  }

  override _final(callback: () => void): void {
    this.#ended = true
    callback()
    void this.#deliver()
  }

  override _read(): void {
    this.#wanted = true
    void this.#deliver()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#abort.abort(error ?? undefined)
    const close = this.#options.close?.() ?? Promise.resolve()
    close.then(
      () => callback(error),
      (closeError: Error) => callback(error ?? closeError),
    )
  }

  async #deliver(): Promise<void> {
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (this.#wanted && this.#inFlight.length > 0) {
        const result = await this.#inFlight[0]
        if (this.destroyed) return
        this.#inFlight.shift()
        this.#wanted = this.push(result)
        this.#takeNext()
      }
      if (this.#ended && this.#inFlight.length === 0) this.push(null)
    } catch (error) {
      this.destroy(error as Error)
    } finally {
      this.#delivering = false
    }
  }

  #takeNext(): void {
    const acceptNext = this.#acceptNext
    this.#acceptNext = undefined
    acceptNext?.()
  }
}
