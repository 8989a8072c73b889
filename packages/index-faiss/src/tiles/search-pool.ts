import { Worker } from 'node:worker_threads'
import { searchStopped } from '../errors.js'
import type { ThreadData, ThreadReply, ThreadRequest, ThreadSetup } from './search-messages.js'
import type { Unit } from './tile-plan.js'
import type { UnitResult } from './unit-search.js'

// Always the built file and no flags of this process, also where a test runner runs `src`: a thread starts plain Node,
// which reads no TypeScript.
const THREAD = new URL('../../dist/tiles/search-thread.js', import.meta.url)

/** Units at each thread: one that it searches and one that waits, so that it never idles between two. */
const UNITS_PER_THREAD = 2

interface Arrival {
  worker: Worker
  reply: ThreadReply
}

/** Threads that search units. */
export class SearchPool {
  readonly #stop = new Int32Array(new SharedArrayBuffer(4))
  readonly #workers: readonly Worker[]
  readonly #exits: readonly Promise<unknown>[]
  readonly #arrivals: Arrival[] = []
  #awaken: () => void = () => {}

  /**
   * @param setups one for each thread
   * @param onWarning called when a thread has something to say
   * @param signal ends the search
   */
  constructor(setups: readonly ThreadSetup[], onWarning: (text: string) => void, signal: AbortSignal) {
    this.#workers = setups.map((setup) => {
      const workerData: ThreadData = { setup, stop: this.#stop }
      return new Worker(THREAD, { workerData, execArgv: [], name: 'facekit-search' })
    })
    this.#exits = this.#workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
    const abort = () => {
      Atomics.store(this.#stop, 0, 1)
      this.#awaken()
    }
    signal.addEventListener('abort', abort, { once: true })
    for (const worker of this.#workers) {
      worker.on('message', (reply: ThreadReply) => {
        if (reply.kind === 'warning') onWarning(reply.text)
        else this.#arrive({ worker, reply })
      })
      worker.on('error', (error) => this.#arrive({ worker, reply: { kind: 'failure', error } }))
    }
  }

  /**
   * Waits for the threads to be ready.
   *
   * @returns why they cannot screen, if so
   * @throws SearchError `SEARCH`
   */
  async ready(signal: AbortSignal): Promise<string | undefined> {
    let unfit: string | undefined
    for (let i = 0; i < this.#workers.length; i++) {
      const arrival = await this.#next(signal)
      if (arrival?.reply.kind === 'ready') unfit ??= arrival.reply.unfit
    }
    return unfit
  }

  /**
   * Searches the units, several at once.
   *
   * @param units for each thread; where it is the same, whichever thread is free takes the next
   * @param isScreening asked whenever a unit is dealt
   * @returns results as they come, in no order; few units are dealt while the consumer is at work on one
   */
  async *search(
    units: readonly Iterator<Unit>[],
    isScreening: () => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<{ unit: Unit; result: UnitResult }> {
    let dealt = 0
    const unitsOf = new Map(this.#workers.map((worker, i) => [worker, units[i]!]))
    const deal = (worker: Worker) => {
      const next = unitsOf.get(worker)!.next()
      if (next.done) return
      worker.postMessage({ unit: next.value, screening: isScreening() } satisfies ThreadRequest)
      dealt++
    }
    for (let i = 0; i < UNITS_PER_THREAD; i++) this.#workers.forEach(deal)
    for (; dealt > 0; dealt--) {
      const arrival = await this.#next(signal)
      if (arrival?.reply.kind !== 'result') return
      deal(arrival.worker)
      yield arrival.reply
    }
  }

  /**
   * Ends the threads. Each finishes what it is computing: a thread that ends inside ONNX Runtime takes the process with
   * it.
   */
  async close(): Promise<void> {
    Atomics.store(this.#stop, 0, 1)
    for (const worker of this.#workers) worker.postMessage('close' satisfies ThreadRequest)
    await Promise.all(this.#exits)
  }

  #arrive(arrival: Arrival): void {
    this.#arrivals.push(arrival)
    this.#awaken()
  }

  /** @returns undefined when the signal aborts */
  async #next(signal: AbortSignal): Promise<Arrival | undefined> {
    while (this.#arrivals.length === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => (this.#awaken = resolve))
    }
    if (signal.aborted) return undefined
    const arrival = this.#arrivals.shift()!
    if (arrival.reply.kind !== 'failure') return arrival
    throw searchStopped(arrival.reply.error)
  }
}
