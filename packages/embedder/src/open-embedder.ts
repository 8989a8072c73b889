import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { checkPositiveInteger } from '@facekit/core'
import { readModel, replaceInput } from '@facekit/onnx'
import { chooseOutput, type OutputWish } from './choose-output.js'
import { EmbedderError } from './errors.js'
import { findImageInput } from './image-input.js'
import { pixelGraph, type PixelFormat } from './pixel-graph.js'
import { SessionThread } from './session-thread.js'

export interface EmbedderOptions extends OutputWish {
  /** Path of the ONNX file. */
  model: string
  pixels?: PixelFormat
  /** Whether to divide each embedding by its L2 norm. */
  normalize?: boolean
  /** Threads of a forward pass; the cores of the machine if left out. */
  threads?: number
}

/** A model ready to run, in a thread of its own. */
export interface Embedder {
  /** Size of the images that it takes. */
  readonly width: number
  readonly height: number
  /** Length of an embedding. */
  readonly dim: number
  readonly normalized: boolean
  /** Images per forward pass where the model fixes that number. */
  readonly fixedBatch: number | undefined
  /** SHA-256 of the model file, in hexadecimal. */
  readonly modelHash: string
  /**
   * Embeds images.
   *
   * @param pixels rows × height × width × 3 uint8, RGB; transferred to the session: empty afterwards
   * @returns rows × dim float32, row-major
   * @throws EmbedderError `MODEL_RUN`
   */
  run(pixels: Uint8Array, rows: number): Promise<Float32Array>
  /** Stops the thread. */
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
  const file = options.model
  const bytes = await readModelFile(file)
  const input = findImageInput(readModel(bytes, file), file)
  const thread = await SessionThread.start(
    {
      model: replaceInput(bytes, input.name, pixelGraph(input, options.pixels ?? {})),
      modelFolder: dirname(resolve(file)),
      width: input.width,
      height: input.height,
      fixedBatch: input.fixedBatch,
      threads,
    },
    file,
  )
  try {
    const output = chooseOutput(thread.outputs, options, file)
    const normalize = options.normalize ?? false
    return {
      width: input.width,
      height: input.height,
      dim: output.dim,
      normalized: normalize,
      fixedBatch: input.fixedBatch,
      modelHash: createHash('sha256').update(bytes).digest('hex'),
      run: (pixels, rows) => thread.run({ pixels, rows, outputName: output.name, normalize }),
      close: () => thread.close(),
    }
  } catch (error) {
    await thread.close()
    throw error
  }
}

async function readModelFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause)
    throw new EmbedderError('MODEL_FILE', `Expected an ONNX model at ${file} but ${reason}`, { cause })
  }
}
