import type { Embedder } from '@facekit/embedder'

/** What `extract` takes on a CPU. */
export const BATCH_SIZE = 4

/** @returns pictures × dim float32 */
export async function embedPictures(
  embedder: Embedder,
  pictures: readonly Uint8Array[],
): Promise<Float32Array> {
  const embeddings = new Float32Array(pictures.length * embedder.dim)
  const starts = Array.from({ length: Math.ceil(pictures.length / BATCH_SIZE) }, (_, i) => i * BATCH_SIZE)
  await Promise.all(
    starts.map(async (start) => {
      const batch = pictures.slice(start, start + BATCH_SIZE)
      const pixels = new Uint8Array(Buffer.concat(batch))
      embeddings.set(await embedder.run(pixels, batch.length), start * embedder.dim)
    }),
  )
  return embeddings
}

/** Cosine of each row of one with the same row of the other. */
export function cosines(a: Float32Array, b: Float32Array, dim: number): number[] {
  return Array.from({ length: a.length / dim }, (_, row) => {
    let product = 0
    let squaresA = 0
    let squaresB = 0
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      product += a[i]! * b[i]!
      squaresA += a[i]! ** 2
      squaresB += b[i]! ** 2
    }
    return product / Math.sqrt(squaresA * squaresB || 1)
  })
}

/** NaN counts as -1: it is no embedding. */
export function lowestCosine(a: Float32Array, b: Float32Array, dim: number): number {
  return Math.min(...cosines(a, b, dim).map((cosine) => (Number.isNaN(cosine) ? -1 : cosine)))
}
