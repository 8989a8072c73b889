import type { Probe, RunRequest, SessionSetup } from './session.js'
import { SessionThread } from './session-thread.js'

/** Sessions of one model, each in a thread of its own with a copy of the weights. */
export class SessionPool {
  readonly probe: Probe
  readonly size: number
  readonly #threads: readonly SessionThread[]

  private constructor(threads: readonly SessionThread[]) {
    this.#threads = threads
    this.size = threads.length
    this.probe = threads[0]!.probe
  }

  /** @throws EmbedderError `MODEL_FILE` if the runtime does not take the model */
  static async start(
    setups: readonly SessionSetup[],
    file: string,
    onSmaller: (limit: number) => void,
  ): Promise<SessionPool> {
    const starts = setups.map((setup) => SessionThread.start(setup, file, onSmaller))
    try {
      return new SessionPool(await Promise.all(starts))
    } catch (error) {
      for (const started of await Promise.allSettled(starts)) {
        if (started.status === 'fulfilled') await started.value.close()
      }
      throw error
    }
  }

  /** Embeds `rows` images at the session with the least to do. `pixels` is transferred: it is empty afterwards. */
  async run(request: RunRequest): Promise<Float32Array> {
    return this.#threads
      .reduce((best, thread) => (thread.pending < best.pending ? thread : best))
      .run(request)
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
