import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { errorFrom, errorToData, FacekitError, type ErrorClass, type ErrorData } from './errors.js'

// ONNX Runtime reports to its maker otherwise. Here, since whatever makes a session of it, or starts a thread that does,
// loads core before: it looks into the environment of the process, which a thread's own `process.env` does not change.
process.env['ORT_DISABLE_TELEMETRY'] = '1'

/** What a service is given beside its setup. */
export interface ServiceContext<Note> {
  /** Says something to whoever started it, between answers. */
  notify(note: Note): void
  /** Whether the answers are no longer wanted: asked now and then by what takes long. */
  isStopped(): boolean
  /** Hands these buffers over with the answer that is being made, rather than copying them. */
  transfer(...buffers: ArrayBufferLike[]): void
}

/** Makes a service: an object whose methods answer, one at a time, in the order in which they are asked. */
export type ServiceFactory<Setup, Service, Note = never> = (
  setup: Setup,
  context: ServiceContext<Note>,
) => Promise<Service>

type Method = (...args: never[]) => unknown
type MethodNames<Service> = {
  [Name in keyof Service]: Service[Name] extends Method ? Name : never
}[keyof Service]
type Arguments<Service, Name extends keyof Service> = Service[Name] extends (...args: infer Args) => unknown
  ? Args
  : never
type Answer<Service, Name extends keyof Service> = Service[Name] extends (...args: never[]) => infer Result
  ? Awaited<Result>
  : never

/** A service that runs elsewhere, or here. */
export interface Thread<Service> {
  /**
   * Calls a method of the service.
   *
   * @param transfer buffers that are handed over, rather than copied: they are empty afterwards
   * @throws what the method throws; FacekitError `THREAD` when the thread ends before it answers
   */
  ask<Name extends MethodNames<Service>>(
    name: Name,
    args: Arguments<Service, Name>,
    transfer?: readonly ArrayBufferLike[],
  ): Promise<Answer<Service, Name>>
  /**
   * Ends it: what was asked for fails, and what is being computed is waited for. A thread that is terminated inside ONNX
   * Runtime takes the process with it. `close` of the service is called, if it has one.
   */
  close(): Promise<void>
}

/** How a service is run in a thread. */
export interface ThreadOptions<Note> {
  /** For the system's tools, and for messages. */
  name: string
  /** Hears what the service says by `notify`. */
  onNote?: (note: Note) => void
  /** Classes of errors, beside those of core, that keep their class when they cross. */
  errors?: readonly ErrorClass[]
  /** Whether the process may end while it runs: for a thread that may hang in a driver. */
  mayBeLeft?: boolean
}

interface ThreadData {
  setup: unknown
  /** One number, shared: 1 when answers are no longer wanted. */
  stop: Int32Array
}

type Request = { id: number; name: string; args: unknown[] } | 'close'

type Reply =
  | { kind: 'ready' }
  | { kind: 'answer'; id: number; answer: unknown }
  | { kind: 'failure'; id: number | undefined; error: ErrorData }
  | { kind: 'note'; note: unknown }

interface Waiting {
  resolve: (answer: unknown) => void
  reject: (error: Error) => void
}

/** What services compute with lies in typed arrays: room for garbage, of which each thread would take up to 48 MiB. */
const YOUNG_GENERATION_MB = 4

/**
 * The built file of a thread that stands beside a source file. A thread starts plain Node, which reads no TypeScript,
 * also where a test runner runs `src`.
 *
 * @param from `import.meta.url` of the source file
 */
export function threadFile(from: string, name: string): URL {
  // Folders above may be called src, too.
  const at = from.endsWith('.ts') ? from.lastIndexOf('/src/') : -1
  return new URL(name, at < 0 ? from : `${from.slice(0, at)}/dist/${from.slice(at + '/src/'.length)}`)
}

/**
 * Starts a thread with a service, and waits until it is made.
 *
 * @param file what calls `serve`; see `threadFile`
 * @throws what the factory throws; FacekitError `THREAD` when the thread ends before the service is made, `THREAD_FILE`
 *   when its file is not there, as in a bundle
 */
export async function startThread<Setup, Service, Note = never>(
  file: URL,
  setup: Setup,
  { name, onNote, errors = [], mayBeLeft = false }: ThreadOptions<Note>,
): Promise<Thread<Service>> {
  if (!existsSync(file))
    throw new FacekitError(
      'THREAD_FILE',
      `Expected the file of the thread ${name} at ${fileURLToPath(file)} but it is not there. Bundlers leave it out: keep @facekit/* external (esbuild: --external:@facekit/*).`,
    )
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  // No flags of this process: some of them are not for threads.
  const worker = new Worker(file, {
    workerData: { setup, stop } satisfies ThreadData,
    execArgv: [],
    name,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  if (mayBeLeft) worker.unref()
  const waiting = new Map<number | undefined, Waiting>()
  let nextId = 0
  /** Why nothing can be asked any more. */
  let ended: Error | undefined

  const end = (error: Error) => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const settle = (id: number | undefined, how: (one: Waiting) => void) => {
    const one = waiting.get(id)
    waiting.delete(id)
    if (one) how(one)
  }
  const wait = (id: number | undefined) =>
    new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }))

  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      end(threadError(`The thread ${name} ended before it answered`))
      resolve()
    })
  })
  worker.on('error', (cause) => end(threadError(`The thread ${name} failed: ${cause.message}`, cause)))
  worker.on('messageerror', (cause) =>
    end(threadError(`A message of the thread ${name} cannot be read`, cause)),
  )
  worker.on('message', (reply: Reply) => {
    if (reply.kind === 'note') onNote?.(reply.note as Note)
    else if (reply.kind === 'ready') settle(undefined, ({ resolve }) => resolve(undefined))
    else if (reply.kind === 'answer') settle(reply.id, ({ resolve }) => resolve(reply.answer))
    else settle(reply.id, ({ reject }) => reject(errorFrom(reply.error, errors)))
  })

  const close = async () => {
    // A second call only waits.
    if (Atomics.exchange(stop, 0, 1) === 0) {
      end(threadError(`The thread ${name} was closed`))
      worker.postMessage('close' satisfies Request)
    }
    await exited
  }
  try {
    await wait(undefined)
  } catch (error) {
    await close()
    throw error
  }
  return {
    async ask(method, args, transfer = []) {
      if (ended) throw ended
      const id = nextId++
      const answer = wait(id)
      try {
        worker.postMessage(
          { id, name: String(method), args } satisfies Request,
          transfer.filter((buffer) => buffer instanceof ArrayBuffer),
        )
      } catch (error) {
        settle(id, ({ reject }) => reject(error as Error))
      }
      return answer as Promise<Answer<Service, typeof method>>
    },
    close,
  }
}

/** Runs a service for `startThread`: all that the file of a thread does. */
export function serve<Setup, Service, Note = never>(factory: ServiceFactory<Setup, Service, Note>): void {
  if (isMainThread || !parentPort) throw threadError('Expected to be started as a thread')
  const port = parentPort
  const { setup, stop } = workerData as ThreadData
  const reply = (message: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  const transfers: ArrayBuffer[] = []
  const made = factory(setup as Setup, {
    notify: (note) => reply({ kind: 'note', note }),
    isStopped: () => Atomics.load(stop, 0) === 1,
    transfer: (...buffers) => {
      for (const buffer of buffers) if (buffer instanceof ArrayBuffer) transfers.push(buffer)
    },
  })
  const answer = async (request: Request) => {
    if (request === 'close') return closeService(await made).finally(() => port.close())
    const { id, name, args } = request
    try {
      const result = await callMethod(await made, name, args)
      reply({ kind: 'answer', id, answer: result }, transfers.splice(0))
    } catch (error) {
      transfers.length = 0
      reply({ kind: 'failure', id, error: errorToData(error) })
    }
  }
  let last: Promise<unknown> = made.then(
    () => reply({ kind: 'ready' }),
    (error: unknown) => reply({ kind: 'failure', id: undefined, error: errorToData(error) }),
  )
  port.on('message', (request: Request) => {
    last = last.then(() => answer(request)).catch(() => port.close())
  })
  // Nobody would learn which request it was: the thread ends, and all that waits for it fails.
  port.on('messageerror', (error) => {
    throw error
  })
}

/**
 * The same face for a service that runs here, for work so small that a thread costs more. Its methods block the caller
 * as long as they compute.
 */
export async function startHere<Setup, Service, Note = never>(
  factory: ServiceFactory<Setup, Service, Note>,
  setup: Setup,
  onNote: (note: Note) => void = () => {},
): Promise<Thread<Service>> {
  let isClosed = false
  let closing: Promise<void> | undefined
  const service = await factory(setup, { notify: onNote, isStopped: () => isClosed, transfer: () => {} })
  let last: Promise<unknown> = Promise.resolve()
  return {
    async ask(method, args) {
      const answer = last.then(() => {
        if (isClosed) throw threadError('The service was closed')
        return callMethod(service, String(method), args)
      })
      last = answer.catch(() => {})
      return answer as Promise<Answer<Service, typeof method>>
    },
    async close() {
      isClosed = true
      closing ??= last.then(() => closeService(service))
      await closing
    },
  }
}

function callMethod(service: unknown, name: string, args: readonly unknown[]): unknown {
  const methods = service as Record<string, (...args: unknown[]) => unknown>
  return methods[name]!(...args)
}

async function closeService(service: unknown): Promise<void> {
  await (service as { close?: () => unknown }).close?.()
}

function threadError(message: string, cause?: unknown): FacekitError {
  return new FacekitError('THREAD', message, { cause })
}
