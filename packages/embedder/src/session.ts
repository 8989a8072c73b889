import type { Device, ServiceContext } from '@facekit/core'
import { PartRunner, sessionOptions } from '@facekit/devices'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { l2Normalize } from './l2-normalize.js'
import { toFloat32 } from './to-float32.js'

export interface SessionSetup {
  /** The model, taking its pixels as uint8. */
  model: Uint8Array
  /** Where a model with external data keeps it. */
  modelFolder: string | undefined
  width: number
  height: number
  fixedBatch: number | undefined
  device: Device
  /** Every forward pass has this many images, blank ones where there are fewer; undefined for as many as there are. */
  padTo: number | undefined
  threads: number
}

export interface OutputInfo {
  name: string
  elementType: string
  /** Numbers per image. */
  dim: number
  /** As the runtime gave it for one run. */
  shape: readonly number[]
}

export interface RunRequest {
  /** rows × height × width × 3 uint8. */
  pixels: Uint8Array
  rows: number
  outputName: string
  /** Whether to divide each embedding by its L2 norm. */
  normalize: boolean
}

const SEVERITY_ERROR = 3

/** A session of ONNX Runtime. It blocks the thread that it runs in. */
export class Session {
  readonly #setup: SessionSetup
  readonly #context: ServiceContext<number>
  readonly #session: InferenceSession
  readonly #imageBytes: number
  readonly #parts: PartRunner

  private constructor(setup: SessionSetup, context: ServiceContext<number>, session: InferenceSession) {
    const { fixedBatch, padTo, width, height } = setup
    this.#setup = setup
    this.#context = context
    this.#session = session
    this.#imageBytes = width * height * 3
    this.#parts = new PartRunner(fixedBatch ?? padTo ?? Infinity, fixedBatch === undefined, (limit) =>
      context.notify(limit),
    )
  }

  /** @param context told of the number of images where the memory of the device does not suffice for more at once */
  static async create(setup: SessionSetup, context: ServiceContext<number>): Promise<Session> {
    const { executionProviders = [], extra } = sessionOptions(setup.device)
    const session = await InferenceSession.create(setup.model, {
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
    return new Session(setup, context, session)
  }

  /** One blank image tells the dimensions of the outputs whatever the file says of them. */
  async outputs(): Promise<OutputInfo[]> {
    const [first] = await this.#parts.run(1, () =>
      this.#runOnce(new Uint8Array(this.#imageBytes), 1, this.#session.outputNames),
    )
    const { results, batch } = first!
    return Object.entries(results).map(([name, tensor]) => ({
      name,
      elementType: tensor.type,
      dim: tensor.size / batch,
      shape: this.#setup.fixedBatch === undefined ? [1, ...tensor.dims.slice(1)] : tensor.dims,
    }))
  }

  /** @returns rows × dim float32, row-major */
  async embed({ pixels, rows, outputName, normalize }: RunRequest): Promise<Float32Array> {
    let dim = 0
    const embedded = await this.#parts.run(rows, async (start, count) => {
      if (this.#context.isStopped()) throw new Error('the session closes')
      const slice = pixels.subarray(start * this.#imageBytes, (start + count) * this.#imageBytes)
      const { results, batch } = await this.#runOnce(slice, count, [outputName])
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
    this.#context.transfer(embeddings.buffer)
    return embeddings
  }

  async close(): Promise<void> {
    await this.#session.release()
  }

  /** Runs `rows` images; as many more blank ones as make the batch that the model or the device wants. */
  async #runOnce(
    pixels: Uint8Array,
    rows: number,
    outputs: readonly string[],
  ): Promise<{ results: InferenceSession.OnnxValueMapType; batch: number }> {
    const { fixedBatch, padTo, width, height } = this.#setup
    const wanted = fixedBatch ?? (padTo === undefined ? rows : this.#parts.limit)
    const batch = Math.max(rows, wanted)
    let input = pixels
    if (rows < batch) {
      input = new Uint8Array(batch * this.#imageBytes)
      input.set(pixels)
    }
    const [name] = this.#session.inputNames
    const feeds = { [name!]: new Tensor('uint8', input, [batch, height, width, 3]) }
    return { results: await this.#session.run(feeds, outputs), batch }
  }
}
