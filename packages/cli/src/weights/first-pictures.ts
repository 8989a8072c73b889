import { availableParallelism } from 'node:os'
import { pipeline } from 'node:stream/promises'
import type { ImageBatch, PathBatch } from '@facekit/core'
import { imageList, preprocess } from '@facekit/preprocess'

const BATCH_SIZE = 16

/**
 * Decodes the first pictures of an input; those that cannot be decoded are passed over.
 *
 * @returns pictures, at most `count`, each height × width × 3 uint8
 */
export async function firstPictures(
  input: string,
  count: number,
  size: { width: number; height: number },
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  const pictures: Uint8Array[] = []
  const bytes = size.width * size.height * 3
  await pipeline(
    firstBatches(input, Math.ceil(count / BATCH_SIZE)),
    preprocess({ ...size, workers: availableParallelism() }),
    async (batches: AsyncIterable<ImageBatch>) => {
      for await (const { pixels, indices } of batches) {
        for (let row = 0; row < indices.length; row++)
          pictures.push(pixels.subarray(row * bytes, (row + 1) * bytes))
      }
    },
    { ...(signal && { signal }) },
  ).catch((error: unknown) => {
    // The reason itself, where the pipeline has an AbortError.
    signal?.throwIfAborted()
    throw error
  })
  return pictures.slice(0, count)
}

async function* firstBatches(input: string, count: number): AsyncGenerator<PathBatch> {
  let taken = 0
  // Leaving the loop closes the list.
  for await (const batch of imageList(input, { batchSize: BATCH_SIZE })) {
    yield batch
    if (++taken === count) return
  }
}
