import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { EmbedderError } from './errors.js'
import type {
  OutputInfo,
  RunRequest,
  SessionReply,
  SessionRequest,
  SessionSetup,
} from './session-messages.js'

// Always the built file and no flags of this process, also where a test runner runs `src`: a thread starts plain Node,
// which reads no TypeScript.
const WORKER = new URL('../dist/session-worker.js', import.meta.url)

interface Waiting {
  resolve: (embeddings: Float32Array) => void
  reject: (error: Error) => void
}

/** A session in a thread of its own. Runs are answered in the order of their requests. */
export class SessionThread {
  readonly outputs: readonly OutputInfo[]
  readonly #worker: Worker
  readonly #file: string
  readonly #closing: SessionSetup['closing']
  readonly #onSmaller: (limit: number) => void
  readonly #exited: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0
  #stopped: EmbedderError | undefined

  private constructor(
    worker: Worker,
    outputs: readonly OutputInfo[],
    file: string,
    closing: SessionSetup['closing'],
    onSmaller: (limit: number) => void,
  ) {
    this.#worker = worker
    this.outputs = outputs
    this.#file = file
    this.#closing = closing
    this.#onSmaller = onSmaller
    worker.on('message', (reply: SessionReply) => this.#settle(reply))
    worker.on('error', (cause) =>
      this.#stop(new EmbedderError('MODEL_RUN', `Inference of ${file} crashed`, { cause })),
    )
    this.#exited = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#stop(stopped(file))
        resolve()
      })
    })
  }

  /** @throws EmbedderError `MODEL_FILE` if the runtime does not take the model */
  static async start(
    setup: Omit<SessionSetup, 'closing'>,
    file: string,
    onSmaller: (limit: number) => void,
  ): Promise<SessionThread> {
    const closing = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const workerData: SessionSetup = { ...setup, closing }
    const worker = new Worker(WORKER, { workerData, execArgv: [], name: 'facekit-session' })
    let [reply] = (await once(worker, 'message')) as [SessionReply]
    while (reply.kind === 'smaller') {
      onSmaller(reply.limit)
      ;[reply] = (await once(worker, 'message')) as [SessionReply]
    }
    if (reply.kind === 'ready') return new SessionThread(worker, reply.outputs, file, closing, onSmaller)
    await worker.terminate()
    const reason = reply.kind === 'failure' ? reply.message : reply.kind
    throw new EmbedderError('MODEL_FILE', `ONNX Runtime does not run ${file}: ${reason}`)
  }

  /** Runs asked for and not yet answered. */
  get pending(): number {
    return this.#waiting.size
  }

  /** Embeds `rows` images. `pixels` is transferred: it is empty afterwards. */
  async run(request: Omit<RunRequest, 'id'>): Promise<Float32Array> {
    if (this.#stopped) throw this.#stopped
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#post({ ...request, id }, [request.pixels.buffer as ArrayBuffer])
    })
  }

  /**
   * Fails what was asked for, and waits for the forward pass under way: a thread that is terminated inside the runtime
   * takes the process with it.
   */
  async close(): Promise<void> {
    this.#stop(stopped(this.#file))
    Atomics.store(this.#closing, 0, 1)
    this.#post('close')
    await this.#exited
  }

  #post(request: SessionRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer)
  }

  #settle(reply: SessionReply): void {
    if (reply.kind === 'smaller') return this.#onSmaller(reply.limit)
    if (reply.kind === 'ready' || reply.id === undefined) return
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.kind === 'result') waiting?.resolve(reply.embeddings)
    else
      waiting?.reject(new EmbedderError('MODEL_RUN', `Inference of ${this.#file} failed: ${reply.message}`))
  }

  #stop(error: EmbedderError): void {
    this.#stopped ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

function stopped(file: string): EmbedderError {
  return new EmbedderError('MODEL_RUN', `Inference of ${file} was stopped`)
}
