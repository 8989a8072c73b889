import { availableParallelism } from 'node:os'
import { pipeline } from 'node:stream/promises'
import type { ImageBatch, PathBatch } from '@facekit/core'
import { imageList, preprocess } from '@facekit/preprocess'

const BATCH_SIZE = 16

/** Where pictures to calibrate and to compare with come from. */
export interface PictureSource {
  /** A folder, or a list that can be read again. */
  input: string
  /** The column of the list that holds the path, from 1; each line is a path if undefined. */
  column?: number | undefined
}

export function pictureSource(input: string | undefined): PictureSource | undefined {
  return input === undefined ? undefined : { input }
}

/**
 * Decodes the first pictures of a source; those that cannot be decoded are passed over.
 *
 * @returns pictures, at most `count`, each height × width × 3 uint8
 */
export async function firstPictures(
  source: PictureSource,
  count: number,
  size: { width: number; height: number },
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  const pictures: Uint8Array[] = []
  const bytes = size.width * size.height * 3
  await pipeline(
    firstBatches(source, Math.ceil(count / BATCH_SIZE)),
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

async function* firstBatches({ input, column }: PictureSource, count: number): AsyncGenerator<PathBatch> {
  let taken = 0
  // Leaving the loop closes the list.
  for await (const batch of imageList(input, { batchSize: BATCH_SIZE, column })) {
    yield batch
    if (++taken === count) return
  }
}
