import { startHere, startThread, threadFile, type EdgeBatch, type Thread } from '@facekit/core'
import { SearchError } from '../errors.js'
import type { CodedGallery, Coding } from '../gallery/coded-gallery.js'
import type { Unit } from '../plan/tile-plan.js'
import { SearchService, type OpenRequest, type PlanRequest } from './search-service.js'

const THREAD = threadFile(import.meta.url, './search-thread.js')

/** Units at each thread: one that it searches and one that waits, so that it never idles between two. */
const UNITS_PER_THREAD = 2

/** Parts that rows are coded in, for each thread: so many that none waits long for another at the end. */
const PARTS_PER_THREAD = 4

type Arrival = { thread: number; unit: Unit; pairs: EdgeBatch } | { error: unknown }

/** Threads that search, or a service here where threads cost more than the search. */
export class Crew {
  readonly #threads: readonly Thread<SearchService>[]

  private constructor(threads: readonly Thread<SearchService>[]) {
    this.#threads = threads
  }

  /** @param onWarning called when a thread has something to say */
  static async start(threads: number, onWarning: (text: string) => void): Promise<Crew> {
    const starts = Array.from({ length: threads }, () =>
      startThread<undefined, SearchService, string>(THREAD, undefined, {
        name: 'facekit-search',
        onNote: onWarning,
        errors: [SearchError],
      }),
    )
    try {
      return new Crew(await Promise.all(starts))
    } catch (error) {
      for (const started of await Promise.allSettled(starts))
        if (started.status === 'fulfilled') await started.value.close()
      throw error
    }
  }

  /** In the thread that calls it, which it blocks. */
  static async here(onWarning: (text: string) => void): Promise<Crew> {
    return new Crew([await startHere(SearchService.create, undefined, onWarning)])
  }

  /** @returns how rows are coded, or why codes are of no use */
  async plan(request: PlanRequest): Promise<Coding | string> {
    return this.#threads[0]!.ask('plan', [request])
  }

  /** Fills in the codes of rows from `first` on. */
  async code(gallery: CodedGallery, first: number): Promise<void> {
    const rows = gallery.rows - first
    const parts = this.#threads.length * PARTS_PER_THREAD
    let next = 0
    await Promise.all(
      this.#threads.map(async (thread) => {
        for (let part = next++; part < parts; part = next++) {
          const bounds = [part, part + 1].map((at) => first + Math.floor((at * rows) / parts))
          await thread.ask('code', [gallery, [bounds[0]!, bounds[1]!]])
        }
      }),
    )
  }

  /** @param requests for each thread, or one for all */
  async open(...requests: readonly OpenRequest[]): Promise<void> {
    await Promise.all(this.#threads.map((thread, i) => thread.ask('open', [requests[i] ?? requests[0]!])))
  }

  /**
   * Searches the units, several at once.
   *
   * @param units for each thread, or one for all: whichever is free takes the next
   * @returns pairs as they come, in no order; few units are dealt while the consumer is at work on one
   */
  async *search(
    units: readonly Iterator<Unit>[],
    signal: AbortSignal,
  ): AsyncGenerator<{ unit: Unit; pairs: EdgeBatch }> {
    const arrivals: Arrival[] = []
    let awaken = () => {}
    const arrive = (arrival: Arrival) => {
      arrivals.push(arrival)
      awaken()
    }
    let dealt = 0
    const deal = (thread: number) => {
      const next = (units[thread] ?? units[0]!).next()
      if (next.done) return
      dealt++
      const unit = next.value
      this.#threads[thread]!.ask('search', [unit]).then(
        (pairs) => arrive({ thread, unit, pairs }),
        (error: unknown) => arrive({ error }),
      )
    }
    const abort = () => awaken()
    signal.addEventListener('abort', abort, { once: true })
    try {
      for (let i = 0; i < UNITS_PER_THREAD; i++) for (const thread of this.#threads.keys()) deal(thread)
      for (; dealt > 0; dealt--) {
        while (arrivals.length === 0 && !signal.aborted)
          await new Promise<void>((resolve) => (awaken = resolve))
        if (signal.aborted) return
        const arrival = arrivals.shift()!
        if ('error' in arrival) throw arrival.error
        deal(arrival.thread)
        yield arrival
      }
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Ends the threads. Each finishes what it is computing. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
