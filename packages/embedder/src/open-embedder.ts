import { availableParallelism } from 'node:os'
import {
  checkPositiveInteger,
  distinctDevices,
  pixelNormalization,
  type Device,
  type PixelFormat,
} from '@facekit/core'
import { NORMALIZED, readModel, replaceInput } from '@facekit/onnx'
import { chooseOutput, type OutputWish } from './choose-output.js'
import { EmbedderError } from './errors.js'
import { findImageInput, type ImageSize } from './image-input.js'
import { loadModel, type ModelBytes } from './model-files.js'
import { pixelFeed } from './pixel-feed.js'
import { pixelGraph } from './pixel-graph.js'
import { SessionPool } from './session-pool.js'

/** A model, and how it is run. */
export interface EmbedderOptions extends OutputWish {
  /** The ONNX model: the path of a file, or its bytes. */
  model: string | ModelBytes
  pixels?: PixelFormat
  /** Of the images, in pixels, for a model that leaves it free: 112×112 if left out. */
  size?: ImageSize | undefined
  /** Whether to divide each embedding by its L2 norm, where the model does not do so itself. */
  normalize?: boolean
  /** Where to run it: one session per device, however often it is named; on the CPU several. The CPU if left out. */
  devices?: readonly Device[]
  /** Images per forward pass on devices other than the CPU: smaller batches are filled up. */
  deviceBatch?: number
  /** Cores that inference on the CPU may use; all of the machine if left out. */
  threads?: number
  /** Told where the memory of a device does not suffice for a batch: it goes on with so many images at once. */
  onSmallerBatch?: (images: number) => void
  /** Told, in a sentence, what a person should know who takes the embeddings of this model for right. */
  onWarning?: (line: string) => void
}

/** Of its length, that an embedding may differ by with its batch without a word: float16 rounds by less. */
const QUIET_MIXING = 0.05

/** Enough to keep a large GPU busy, little enough for a small one. */
export const DEVICE_BATCH = 128

/**
 * Sessions of one thread each leave no core waiting for another in the middle of a forward pass, and suffer least from
 * decoders on the same cores, but every one has its own copy of the weights. This bounds the copies.
 */
const MAX_WEIGHTS_BYTES = 2 ** 30

/** How pixels enter a model. */
export interface FedPixels {
  /** Subtracted from each of the three channels, 0–255, in the order of `channels`; null where the graph normalises uint8. */
  mean: readonly number[] | null
  /** What each is divided by then. */
  std: readonly number[] | null
  channels: 'rgb' | 'bgr'
}

/** A model ready to run, in threads of its own. */
export interface Embedder {
  /** Size of the images that it takes. */
  readonly width: number
  readonly height: number
  /** Whether the model takes other sizes, too. */
  readonly freeSize: boolean
  /** Length of an embedding. */
  readonly dim: number
  readonly normalized: boolean
  /** What it is fed with. */
  readonly pixels: FedPixels
  /** Images per forward pass where the model fixes that number. */
  readonly fixedBatch: number | undefined
  /** Forward passes at once. */
  readonly sessions: number
  /** SHA-256 of the model file, and of its external data, in hexadecimal. */
  readonly modelHash: string
  /**
   * Embeds images.
   *
   * @param pixels rows × height × width × 3 uint8, RGB; transferred to the session: empty afterwards
   * @returns rows × dim float32, row-major
   * @throws EmbedderError `MODEL_RUN`
   */
  run(pixels: Uint8Array, rows: number): Promise<Float32Array>
  /** Stops the threads. */
  close(): Promise<void>
}

/**
 * Opens any ONNX face model: float32, float16 or uint8 input, N×3×H×W or N×H×W×3, any size, batch free or fixed.
 *
 * @throws EmbedderError `MODEL_FILE`, `MODEL_INPUT`, `MODEL_OUTPUT`
 * @throws OptionError for options that do not fit the model
 */
export async function openEmbedder(options: EmbedderOptions): Promise<Embedder> {
  const threads = checkPositiveInteger('threads', options.threads ?? availableParallelism())
  const { onSmallerBatch = () => {}, onWarning = () => {} } = options
  const { bytes, name: file, dataFolder, weightsBytes, hash } = await loadModel(options.model)
  const model = readModel(bytes, file)
  const input = findImageInput(model, file, options.size)
  // A second session on a device would win nothing, and two threads must not use WebGPU at once.
  const devices = distinctDevices(options.devices ?? [{ provider: 'cpu', index: 0 }])
  const feed = pixelFeed(model, bytes, input, options.pixels ?? {}, file, onWarning)
  const setup = {
    model: replaceInput(bytes, input.name, pixelGraph(input, feed)),
    dataFolder,
    width: input.width,
    height: input.height,
    fixedBatch: input.fixedBatch,
  }
  const onCpu = cpuSessions(threads, weightsBytes)
  const setupsOf = (device: Device) =>
    device.provider === 'cpu'
      ? Array.from({ length: onCpu }, () => ({ padTo: undefined, threads: Math.floor(threads / onCpu) }))
      : [{ padTo: options.deviceBatch ?? DEVICE_BATCH, threads: 1 }]
  const setups = devices.flatMap((device) =>
    setupsOf(device).map((ofDevice) => ({ ...setup, ...ofDevice, device })),
  )
  const pool = await SessionPool.start(setups, file, onSmallerBatch).catch((error: Error) => {
    if (!input.freeSize || options.size) throw error
    const hint = `The model leaves the size of its images free and got ${input.width}×${input.height} pixels: --size gives it others.`
    throw new EmbedderError('MODEL_FILE', `${error.message}. ${hint}`, { cause: error })
  })
  try {
    const { outputs, fixedBatch } = pool.probe
    const output = chooseOutput(outputs, options, file)
    if (fixedBatch !== input.fixedBatch)
      onWarning(`${file} takes one image at a time: it declares its batch free but fails on more`)
    if (output.mixing > QUIET_MIXING) {
      onWarning(
        `The embedding of an image changes by some ${Math.round(output.mixing * 100)} % with the others in its batch in ${file}`,
      )
    }
    const normalizes = model.metadata[NORMALIZED] === 'true'
    const normalize = (options.normalize ?? false) && !normalizes
    return {
      width: input.width,
      height: input.height,
      freeSize: input.freeSize,
      dim: output.dim,
      normalized: normalize || normalizes,
      pixels: {
        ...(input.elementType === 'uint8' ? { mean: null, std: null } : pixelNormalization(feed)),
        channels: feed.channels ?? 'rgb',
      },
      fixedBatch,
      sessions: pool.size,
      modelHash: hash,
      run: (pixels, rows) => pool.run({ pixels, rows, outputName: output.name, normalize }),
      close: () => pool.close(),
    }
  } catch (error) {
    await pool.close()
    throw error
  }
}

function cpuSessions(threads: number, weightsBytes: number): number {
  return Math.min(threads, Math.max(1, Math.floor(MAX_WEIGHTS_BYTES / weightsBytes)))
}
