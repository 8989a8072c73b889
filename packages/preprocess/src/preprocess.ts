import type { Duplex } from 'node:stream'
import {
  checkPositiveInteger,
  mapBatches,
  type FailedImage,
  type ImageBatch,
  type PathBatch,
} from '@facekit/core'
import { decodeImage, DEFAULT_MAX_PIXELS } from './decode-image.js'
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
}

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
  const { maxPixels = DEFAULT_MAX_PIXELS } = options
  const width = checkPositiveInteger('width', options.width)
  const height = checkPositiveInteger('height', options.height)
  const decoders = new Limiter(checkPositiveInteger('workers', options.workers))
  const size = { width, height, maxPixels: checkPositiveInteger('maxPixels', maxPixels) }
  return mapBatches({
    concurrency: BATCHES_IN_FLIGHT,
    map: async (batch: PathBatch, signal) => {
      const decode = (path: string) => decoders.run(() => decodeOrFail(path, size, signal))
      return toImageBatch(batch, await Promise.all(batch.paths.map(decode)), width, height)
    },
  })
}

async function decodeOrFail(
  path: string,
  size: { width: number; height: number; maxPixels: number },
  signal: AbortSignal,
): Promise<Uint8Array | ImageError> {
  // What waits for a decoder when the stage is destroyed is not begun.
  signal.throwIfAborted()
  try {
    return await decodeImage(path, size)
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
