import type { Duplex } from 'node:stream'
import {
  checkPositiveInteger,
  mapBatches,
  type FailedImage,
  type ImageBatch,
  type PathBatch,
} from '@facekit/core'
import { decodeWithin, DEFAULT_MAX_PIXELS, type DecodeOptions } from './decode-image.js'
import { ImageError } from './errors.js'
import { Limiter } from './limiter.js'

export interface PreprocessOptions {
  /** Size of the pictures to make. */
  width: number
  height: number
  /** Images decoded at once. More than libuv has threads (UV_THREADPOOL_SIZE) do not help. */
  workers: number
  /** Images of more pixels fail. */
  maxPixels?: number | undefined
  /**
   * Bytes that decoding may take, over all workers: few large images are decoded at once, and one that takes more alone
   * is decoded alone. 1 GiB unless given, with which hundreds of face crops are decoded at once.
   */
  decodeMemoryBytes?: number | undefined
}

const DEFAULT_DECODE_MEMORY_BYTES = 2 ** 30

/**
 * Batches in the making at once: while the images of one are finished, the decoders that are free begin the next. It
 * bounds what is decoded and not yet passed on.
 */
const BATCHES_IN_FLIGHT = 2

/**
 * Stage: `PathBatch` in, `ImageBatch` out, in order. Images that cannot be decoded are listed in `failed` and leave no
 * row.
 */
export function preprocess(options: PreprocessOptions): Duplex {
  const { maxPixels = DEFAULT_MAX_PIXELS, decodeMemoryBytes = DEFAULT_DECODE_MEMORY_BYTES } = options
  const width = checkPositiveInteger('width', options.width)
  const height = checkPositiveInteger('height', options.height)
  const workers = new Limiter(checkPositiveInteger('workers', options.workers))
  const memory = new Limiter(checkPositiveInteger('decodeMemoryBytes', decodeMemoryBytes))
  const size = { width, height, maxPixels: checkPositiveInteger('maxPixels', maxPixels) }
  return mapBatches({
    concurrency: BATCHES_IN_FLIGHT,
    map: async (batch: PathBatch, signal) => {
      const decode = (path: string) => workers.run(1, () => decodeOrFail(memory, path, size, signal))
      return toImageBatch(batch, await Promise.all(batch.paths.map(decode)), width, height)
    },
  })
}

async function decodeOrFail(
  memory: Limiter,
  path: string,
  size: DecodeOptions,
  signal: AbortSignal,
): Promise<Uint8Array | ImageError> {
  // What waits for a worker when the stage is destroyed is not begun.
  signal.throwIfAborted()
  try {
    return await decodeWithin(memory, path, size, signal)
  } catch (error) {
    if (error instanceof ImageError) return error
    throw error
  }
}

function toImageBatch(
  { indices, paths }: PathBatch,
  results: readonly (Uint8Array | ImageError)[],
  width: number,
  height: number,
): ImageBatch {
  const decoded = results.filter((result) => result instanceof Uint8Array)
  const pixels = new Uint8Array(decoded.length * width * height * 3)
  decoded.forEach((picture, row) => pixels.set(picture, row * width * height * 3))
  const succeeded = (_: unknown, i: number) => results[i] instanceof Uint8Array
  const failed: FailedImage[] = []
  results.forEach((result, i) => {
    if (result instanceof ImageError)
      failed.push({ index: indices[i]!, path: result.path, reason: result.reason })
  })
  return { indices: indices.filter(succeeded), paths: paths.filter(succeeded), pixels, width, height, failed }
}
