import { parentPort, workerData } from 'node:worker_threads'
import { PartRunner, sessionOptions } from '@facekit/devices'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { l2Normalize } from './l2-normalize.js'
import type {
  OutputInfo,
  RunRequest,
  SessionReply,
  SessionRequest,
  SessionSetup,
} from './session-messages.js'
import { toFloat32 } from './to-float32.js'

/**
 * The thread that owns a session. `InferenceSession.run` blocks the thread that calls it; here it leaves the main
 * thread free to decode the next batch.
 */
const setup = workerData as SessionSetup
const port = parentPort!
const { width, height, fixedBatch, closing } = setup
const imageBytes = width * height * 3

const SEVERITY_ERROR = 3

function reply(message: SessionReply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

async function createSession(): Promise<InferenceSession> {
  const { executionProviders = [], extra } = sessionOptions(setup.device)
  return InferenceSession.create(setup.model, {
    executionProviders,
    intraOpNumThreads: setup.threads,
    interOpNumThreads: 1,
    logSeverityLevel: SEVERITY_ERROR,
    extra: {
      session: {
        ...(extra?.['session'] as object | undefined),
        ...(setup.modelFolder && { model_external_initializers_file_folder_path: setup.modelFolder }),
      },
    },
  })
}

const parts = new PartRunner(fixedBatch ?? setup.padTo ?? Infinity, fixedBatch === undefined, (limit) =>
  reply({ kind: 'smaller', limit }),
)

/** Runs `rows` images; as many more blank ones as make the batch that the model or the device wants. */
async function runOnce(
  session: InferenceSession,
  pixels: Uint8Array,
  rows: number,
  outputs: readonly string[],
): Promise<{ results: InferenceSession.OnnxValueMapType; batch: number }> {
  const wanted = fixedBatch ?? (setup.padTo === undefined ? rows : parts.limit)
  const batch = Math.max(rows, wanted)
  let input = pixels
  if (rows < batch) {
    input = new Uint8Array(batch * imageBytes)
    input.set(pixels)
  }
  const [name] = session.inputNames
  const feeds = { [name!]: new Tensor('uint8', input, [batch, height, width, 3]) }
  return { results: await session.run(feeds, outputs), batch }
}

/** One blank image tells the dimensions of the outputs whatever the file says of them. */
async function probe(session: InferenceSession): Promise<OutputInfo[]> {
  const [first] = await parts.run(1, () =>
    runOnce(session, new Uint8Array(imageBytes), 1, session.outputNames),
  )
  const { results, batch } = first!
  return Object.entries(results).map(([name, tensor]) => ({
    name,
    elementType: tensor.type,
    dim: tensor.size / batch,
    shape: fixedBatch === undefined ? [1, ...tensor.dims.slice(1)] : tensor.dims,
  }))
}

async function embed(session: InferenceSession, request: RunRequest): Promise<Float32Array> {
  const { pixels, rows, outputName, normalize } = request
  let dim = 0
  const embedded = await parts.run(rows, async (start, count) => {
    if (isClosing()) throw new Error('the session closes')
    const slice = pixels.subarray(start * imageBytes, (start + count) * imageBytes)
    const { results, batch } = await runOnce(session, slice, count, [outputName])
    const output = results[outputName]!
    dim = output.size / batch
    const embeddings = toFloat32(output.data).slice(0, count * dim)
    output.dispose()
    return embeddings
  })
  const embeddings = new Float32Array(rows * dim)
  let at = 0
  for (const part of embedded) {
    embeddings.set(part, at)
    at += part.length
  }
  if (normalize) l2Normalize(embeddings, dim)
  return embeddings
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isClosing(): boolean {
  return Atomics.load(closing, 0) !== 0
}

async function answer(session: InferenceSession, request: RunRequest): Promise<void> {
  try {
    const embeddings = await embed(session, request)
    reply({ kind: 'result', id: request.id, embeddings }, [embeddings.buffer as ArrayBuffer])
  } catch (error) {
    reply({ kind: 'failure', id: request.id, message: messageOf(error) })
  }
}

try {
  const session = await createSession()
  reply({ kind: 'ready', outputs: await probe(session) })
  let last = Promise.resolve()
  port.on('message', (request: SessionRequest) => {
    // One after the other: what waits here can still be left undone.
    last = last.then(async () => {
      if (request !== 'close') return answer(session, request)
      await session.release()
      port.close()
    })
  })
} catch (error) {
  reply({ kind: 'failure', message: messageOf(error) })
}
