import type { Duplex } from 'node:stream'
import { mapBatches, type EmbeddingBatch, type ImageBatch } from '@facekit/core'
import type { Embedder } from './open-embedder.js'

/**
 * Batches at each session: one that it runs and one that waits, so that it never idles between two. More would only
 * hold pixels.
 */
const BATCHES_PER_SESSION = 2

/**
 * Stage: `ImageBatch` in, `EmbeddingBatch` out, in order. The pixels of a batch are transferred away: they are empty
 * afterwards. The embedder stays open: whoever opened it closes it.
 */
export function embed(embedder: Embedder): Duplex {
  return mapBatches({
    concurrency: BATCHES_PER_SESSION * embedder.sessions,
    map: async ({ indices, paths, pixels }: ImageBatch): Promise<EmbeddingBatch> => ({
      indices,
      paths,
      embeddings: await embedder.run(pixels, indices.length),
      dim: embedder.dim,
      normalized: embedder.normalized,
    }),
  })
}
