import type { PathBatch } from '@facekit/core'
import { imageList } from '@facekit/preprocess'

const BATCH_SIZE = 4096

/**
 * Counts the images of an input beside the work on them, so that progress can say when it ends. A list on stdin can be
 * read only once: it stays uncounted.
 *
 * @returns stops the counting
 */
export function countImages(input: string, onTotal: (total: number) => void): () => void {
  if (input === '-') return () => {}
  const list = imageList(input, { batchSize: BATCH_SIZE })
  let total = 0
  list.on('data', (batch: PathBatch) => (total += batch.indices.length))
  list.on('end', () => onTotal(total))
  // The work itself reads the same input and reports what is wrong with it.
  list.on('error', () => {})
  return () => list.destroy()
}
