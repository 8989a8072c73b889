import {
  checkPositiveInteger,
  mapBatches,
  type FailedImage,
  type ImageBatch,
  type PathBatch,
  type StageOf,
} from '@facekit/core'
import { below } from './below.js'
import { decodeWithin, DEFAULT_MAX_PIXELS, type DecodeOptions } from './decode-image.js'
import { ImageError } from './errors.js'
import type { ListedBatch } from './image-list.js'
import { isMissing } from './image-file.js'
import { Limiter } from './limiter.js'
import { lineOf, otherReadings, whyNoFile } from './list-readings.js'

/** What pictures are made into, and with how much at once. */
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
 * Stage: `PathBatch` in, as `imageList` gives it, `ImageBatch` out, in order. Images that cannot be decoded are listed in
 * `failed` and leave no row. Where a line of a list is read otherwise than as it is written (see `otherReadings`), its
 * path is the one that was opened.
 */
export function preprocess(options: PreprocessOptions): StageOf<PathBatch, ImageBatch> {
  const { maxPixels = DEFAULT_MAX_PIXELS, decodeMemoryBytes = DEFAULT_DECODE_MEMORY_BYTES } = options
  const width = checkPositiveInteger('width', options.width)
  const height = checkPositiveInteger('height', options.height)
  const workers = new Limiter(checkPositiveInteger('workers', options.workers))
  const memory = new Limiter(checkPositiveInteger('decodeMemoryBytes', decodeMemoryBytes))
  const size = { width, height, maxPixels: checkPositiveInteger('maxPixels', maxPixels) }
  return mapBatches({
    concurrency: BATCHES_IN_FLIGHT,
    map: async (batch: PathBatch & Partial<ListedBatch>, signal) => {
      const decode = (path: string) => decodeOrFail(memory, path, size, signal)
      const decodeListed = (path: string) =>
        workers.run(1, () => firstReading(path, batch.listFolder, decode))
      return toImageBatch(batch, await Promise.all(batch.paths.map(decodeListed)), width, height)
    },
  })
}

interface Decoded {
  path: string
  pixels: Uint8Array
}

function isDecoded(result: Decoded | ImageError | undefined): result is Decoded {
  return result !== undefined && !(result instanceof ImageError)
}

/** Decodes a path; of a list the first reading of its line that there is. */
async function firstReading(
  path: string,
  listFolder: string | undefined,
  decode: (path: string) => Promise<Decoded | ImageError>,
): Promise<Decoded | ImageError> {
  const exact = await decode(path)
  if (listFolder === undefined || !isMissing(exact)) return exact
  const line = lineOf(path, listFolder)
  for (const reading of otherReadings(line)) {
    const result = await decode(below(listFolder, reading))
    if (!isMissing(result)) return result
  }
  const reason = await whyNoFile(line, listFolder)
  return reason === undefined ? exact : new ImageError(path, reason, { cause: exact })
}

async function decodeOrFail(
  memory: Limiter,
  path: string,
  size: DecodeOptions,
  signal: AbortSignal,
): Promise<Decoded | ImageError> {
  // What waits for a worker when the stage is destroyed is not begun.
  signal.throwIfAborted()
  try {
    return { path, pixels: await decodeWithin(memory, path, size, signal) }
  } catch (error) {
    if (error instanceof ImageError) return error
    throw error
  }
}

function toImageBatch(
  batch: PathBatch & Partial<ListedBatch>,
  results: readonly (Decoded | ImageError)[],
  width: number,
  height: number,
): ImageBatch {
  const decoded = results.filter(isDecoded)
  const pixels = new Uint8Array(decoded.length * width * height * 3)
  decoded.forEach((picture, row) => pixels.set(picture.pixels, row * width * height * 3))
  const failed: FailedImage[] = [...(batch.failed ?? [])]
  results.forEach((result, i) => {
    if (result instanceof ImageError)
      failed.push({ index: batch.indices[i]!, path: result.path, reason: result.reason })
  })
  return {
    indices: batch.indices.filter((_, i) => isDecoded(results[i])),
    paths: decoded.map(({ path }) => path),
    pixels,
    width,
    height,
    failed: failed.sort((a, b) => a.index - b.index),
  }
}
