import type { Device, ServiceContext } from '@facekit/core'
import { PartRunner, sessionOptions } from '@facekit/devices'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { l2Normalize } from './l2-normalize.js'
import type { OutputInfo } from './output-info.js'
import { describeOutputs, probePictures, type ForwardPass } from './probe.js'
import { toFloat32 } from './to-float32.js'

export interface SessionSetup {
  /** The model, taking its pixels as uint8. */
  model: Uint8Array
  /** Where a model with external data keeps it. */
  dataFolder: string | undefined
  width: number
  height: number
  fixedBatch: number | undefined
  device: Device
  /** Every forward pass has this many images, blank ones where there are fewer; undefined for as many as there are. */
  padTo: number | undefined
  threads: number
}

/** What a model shows when it is run. */
export interface Probe {
  outputs: OutputInfo[]
  /** Images per forward pass where the model fixes that number, whatever it declares. */
  fixedBatch: number | undefined
}

export interface RunRequest {
  /** rows × height × width × 3 uint8. */
  pixels: Uint8Array
  rows: number
  outputName: string
  /** Whether to divide each embedding by its L2 norm. */
  normalize: boolean
}

/** Errors are thrown as well; ONNX Runtime would print them past the program, with the names in the model as they are. */
const FATAL_ONLY = 4

/** A session of ONNX Runtime. It blocks the thread that it runs in. */
export class Session {
  readonly #setup: SessionSetup
  readonly #context: ServiceContext<number>
  readonly #session: InferenceSession
  readonly #imageBytes: number
  readonly #parts: PartRunner
  #fixedBatch: number | undefined

  private constructor(setup: SessionSetup, context: ServiceContext<number>, session: InferenceSession) {
    const { fixedBatch, padTo, width, height } = setup
    this.#setup = setup
    this.#context = context
    this.#session = session
    this.#imageBytes = width * height * 3
    this.#fixedBatch = fixedBatch
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
      logSeverityLevel: FATAL_ONLY,
      extra: {
        session: {
          ...(extra?.['session'] as object | undefined),
          ...(setup.dataFolder && { model_external_initializers_file_folder_path: setup.dataFolder }),
        },
      },
    })
    return new Session(setup, context, session)
  }

  /** Two pictures tell what the outputs are, whatever the file says of them. */
  async probe(): Promise<Probe> {
    try {
      return { outputs: await this.#probeOutputs(), fixedBatch: this.#fixedBatch }
    } catch (error) {
      if (this.#fixedBatch !== undefined) throw error
      // Some exports declare their batch free and have a reshape to one image inside.
      this.#fixedBatch = 1
      this.#parts.limit = 1
      const outputs = await this.#probeOutputs().catch(() => {
        throw error
      })
      return { outputs, fixedBatch: 1 }
    }
  }

  async #probeOutputs(): Promise<OutputInfo[]> {
    const bytes = this.#imageBytes
    const run = async (pixels: Uint8Array, count: number) =>
      this.#runOnce(pixels, count, this.#session.outputNames)
    const pictures = probePictures(bytes)
    const [alone] = await this.#parts.run(1, async () => run(pictures.subarray(bytes), 1))
    if (this.#fixedBatch === 1) return describeOutputs(alone!, undefined)
    const [among] = await this.#parts.run(2, async (start, count) =>
      run(pictures.subarray(start * bytes, (start + count) * bytes), count),
    )
    return describeOutputs(alone!, among)
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
  async #runOnce(pixels: Uint8Array, rows: number, outputs: readonly string[]): Promise<ForwardPass> {
    const { padTo, width, height } = this.#setup
    const wanted = this.#fixedBatch ?? (padTo === undefined ? rows : this.#parts.limit)
    const batch = Math.max(rows, wanted)
    let input = pixels
    if (rows < batch) {
      input = new Uint8Array(batch * this.#imageBytes)
      input.set(pixels)
    }
    const [name] = this.#session.inputNames
    const feeds = { [name!]: new Tensor('uint8', input, [batch, height, width, 3]) }
    return { results: await this.#session.run(feeds, outputs, { logSeverityLevel: FATAL_ONLY }), batch }
  }
}
