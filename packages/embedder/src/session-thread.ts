import { FacekitError, startThread, threadFile, type Thread } from '@facekit/core'
import { EmbedderError } from './errors.js'
import type { Probe, RunRequest, Session, SessionSetup } from './session.js'

const WORKER = threadFile(import.meta.url, './session-worker.js')

/** A session in a thread of its own. Runs are answered in the order of their requests. */
export class SessionThread {
  readonly probe: Probe
  readonly #thread: Thread<Session>
  readonly #file: string
  /** Runs asked for and not yet answered. */
  pending = 0

  private constructor(thread: Thread<Session>, probe: Probe, file: string) {
    this.#thread = thread
    this.probe = probe
    this.#file = file
  }

  /** @throws EmbedderError `MODEL_FILE` if the runtime does not take the model */
  static async start(
    setup: SessionSetup,
    file: string,
    onSmaller: (limit: number) => void,
  ): Promise<SessionThread> {
    let thread: Thread<Session> | undefined
    try {
      thread = await startThread<SessionSetup, Session, number>(WORKER, setup, {
        name: 'facekit-session',
        onNote: onSmaller,
      })
      return new SessionThread(thread, await thread.ask('probe', []), file)
    } catch (cause) {
      await thread?.close()
      // Says nothing of the model.
      if (cause instanceof FacekitError && cause.code === 'THREAD_FILE') throw cause
      throw new EmbedderError(
        'MODEL_FILE',
        `ONNX Runtime does not run ${file}: ${(cause as Error).message}`,
        {
          cause,
        },
      )
    }
  }

  /**
   * Embeds `rows` images. `pixels` is transferred: it is empty afterwards.
   *
   * @throws EmbedderError `MODEL_RUN`
   */
  async run(request: RunRequest): Promise<Float32Array> {
    this.pending++
    try {
      return await this.#thread.ask('embed', [request], [request.pixels.buffer])
    } catch (cause) {
      throw new EmbedderError('MODEL_RUN', `Inference of ${this.#file} failed: ${(cause as Error).message}`, {
        cause,
      })
    } finally {
      this.pending--
    }
  }

  /** Fails what was asked for, and waits for the forward pass under way. */
  async close(): Promise<void> {
    await this.#thread.close()
  }
}
