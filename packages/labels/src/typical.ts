import { add, dot, readRows, sampleClasses, seededRandom, toUnit } from '@facekit/core'
import type { Clustering, EmbeddingReader } from '@facekit/core'

/** Images of a class that are compared: of a class of millions, reading all would take longer than finding it. */
const COMPARED = 1024
/** Classes whose images are drawn in one go through all rows: 4 MB of row numbers. */
const CLASSES_AT_ONCE = 64
/** The same images each time. */
const SEED = 1

/**
 * Rows of the largest classes by their cosine to the mean of their class: the `end` most typical and the `end` least, the
 * most typical first; all of a class that has no more. Of a class of more than 1,024 images so many are drawn.
 *
 * @param classes how many
 */
export async function* typicalRows(
  { classOf, sizes }: Clustering,
  embeddings: EmbeddingReader,
  classes: number,
  end: number,
): AsyncGenerator<number[]> {
  const random = seededRandom(SEED)
  for (let first = 0; first < classes; first += CLASSES_AT_ONCE) {
    const count = Math.min(CLASSES_AT_ONCE, classes - first)
    const limits = new Map(Array.from({ length: count }, (_, i) => [first + i, COMPARED]))
    const drawn = sampleClasses(classOf, sizes.length, limits, random)
    for (const rows of drawn.values()) {
      const ordered = await byTypicality(rows, embeddings)
      yield ordered.length <= 2 * end ? ordered : [...ordered.slice(0, end), ...ordered.slice(-end)]
    }
  }
}

/** Rows are read twice rather than held: they may be long. */
async function byTypicality(rows: readonly number[], embeddings: EmbeddingReader): Promise<number[]> {
  const mean = new Float32Array(embeddings.dim)
  await readRows(embeddings, rows, (_row, unit) => add(mean, unit))
  toUnit(mean)
  const cosines: { row: number; cosine: number }[] = []
  await readRows(embeddings, rows, (row, unit) => cosines.push({ row, cosine: dot(mean, unit) }))
  return cosines.sort((a, b) => b.cosine - a.cosine || a.row - b.row).map(({ row }) => row)
}
