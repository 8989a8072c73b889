import { parentPort, workerData } from 'node:worker_threads'
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
  return InferenceSession.create(setup.model, {
    intraOpNumThreads: setup.threads,
    interOpNumThreads: 1,
    logSeverityLevel: SEVERITY_ERROR,
    ...(setup.modelFolder && {
      extra: { session: { model_external_initializers_file_folder_path: setup.modelFolder } },
    }),
  })
}

/** Runs `rows` images, at most `fixedBatch` where the model fixes that number. */
async function runOnce(
  session: InferenceSession,
  pixels: Uint8Array,
  rows: number,
  outputs: readonly string[],
): Promise<InferenceSession.OnnxValueMapType> {
  const batch = fixedBatch ?? rows
  let input = pixels
  if (rows < batch) {
    input = new Uint8Array(batch * imageBytes)
    input.set(pixels)
  }
  const [name] = session.inputNames
  return session.run({ [name!]: new Tensor('uint8', input, [batch, height, width, 3]) }, outputs)
}

/** One blank image tells the dimensions of the outputs whatever the file says of them. */
async function probe(session: InferenceSession): Promise<OutputInfo[]> {
  const results = await runOnce(session, new Uint8Array(imageBytes), 1, session.outputNames)
  return Object.entries(results).map(([name, tensor]) => ({
    name,
    elementType: tensor.type,
    dim: tensor.size / (fixedBatch ?? 1),
    shape: tensor.dims,
  }))
}

async function embed(session: InferenceSession, request: RunRequest): Promise<Float32Array> {
  const { pixels, rows, outputName, normalize } = request
  const step = fixedBatch ?? rows
  let embeddings = new Float32Array(0)
  let dim = 0
  for (let start = 0; start < rows; start += step) {
    if (isClosing()) throw new Error('the session closes')
    const count = Math.min(step, rows - start)
    const slice = pixels.subarray(start * imageBytes, (start + count) * imageBytes)
    const output = (await runOnce(session, slice, count, [outputName]))[outputName]!
    if (start === 0) {
      dim = output.size / (fixedBatch ?? rows)
      embeddings = new Float32Array(rows * dim)
    }
    embeddings.set(toFloat32(output.data).subarray(0, count * dim), start * dim)
    output.dispose()
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
