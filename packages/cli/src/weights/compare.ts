import type { Embedder } from '@facekit/embedder'

/** What `extract` takes on a CPU. */
export const BATCH_SIZE = 4

/**
 * One batch at a time for every session, so that a signal is heard between them.
 *
 * @returns pictures × dim float32
 */
export async function embedPictures(
  embedder: Embedder,
  pictures: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const { dim, sessions } = embedder
  const embeddings = new Float32Array(pictures.length * dim)
  let next = 0
  const embedNext = async () => {
    while (next < pictures.length) {
      signal?.throwIfAborted()
      const start = next
      next += BATCH_SIZE
      const batch = pictures.slice(start, next)
      embeddings.set(await embedder.run(new Uint8Array(Buffer.concat(batch)), batch.length), start * dim)
    }
  }
  await Promise.all(Array.from({ length: sessions }, embedNext))
  return embeddings
}

/** Cosine of each row of one with the same row of the other; -1 for rows with NaN or Infinity, which are no embeddings. */
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
    const cosine = product / Math.sqrt(squaresA * squaresB || 1)
    return Number.isNaN(cosine) ? -1 : cosine
  })
}

export function lowestCosine(a: Float32Array, b: Float32Array, dim: number): number {
  return Math.min(...cosines(a, b, dim))
}
