import { mapBatches, type EmbeddingBatch, type ImageBatch, type StageOf } from '@facekit/core'
import type { Embedder } from './open-embedder.js'

/**
 * Batches at each session: one that it runs and one that waits, so that it never idles between two. More would only
 * hold pixels.
 */
const BATCHES_PER_SESSION = 2

const NOT_FINITE = 'its embedding holds NaN or infinity'

/**
 * Stage: `ImageBatch` in, `EmbeddingBatch` out, in order. The pixels of a batch are transferred away: they are empty
 * afterwards. An image whose embedding holds a NaN or an infinity has failed as one that cannot be decoded: it has no row.
 * The embedder stays open: whoever opened it closes it.
 */
export function embed(embedder: Embedder): StageOf<ImageBatch, EmbeddingBatch> {
  return mapBatches({
    concurrency: BATCHES_PER_SESSION * embedder.sessions,
    map: async ({ pixels, ...batch }: ImageBatch) =>
      usableRows(batch, await embedder.run(pixels, batch.indices.length), embedder),
  })
}

function usableRows(
  { indices, paths, failed }: Pick<ImageBatch, 'indices' | 'paths' | 'failed'>,
  embeddings: Float32Array,
  { dim, normalized }: Pick<Embedder, 'dim' | 'normalized'>,
): EmbeddingBatch {
  const isUsable = paths.map((_, row) =>
    embeddings.subarray(row * dim, (row + 1) * dim).every(Number.isFinite),
  )
  if (!isUsable.includes(false)) return { indices, paths, embeddings, dim, normalized, failed }
  const unusable = paths.flatMap((path, row) =>
    isUsable[row] ? [] : [{ index: indices[row]!, path, reason: NOT_FINITE }],
  )
  return {
    indices: indices.filter((_, row) => isUsable[row]),
    paths: paths.filter((_, row) => isUsable[row]),
    embeddings: embeddings.filter((_, i) => isUsable[Math.floor(i / dim)]),
    dim,
    normalized,
    failed: [...failed, ...unusable].sort((a, b) => a.index - b.index),
  }
}
