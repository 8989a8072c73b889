import { iterate, type BatchesOf, type Clustering, type PathBatch } from '@facekit/core'
import { LabelError } from './errors.js'

/** The images of a clustering in the order of its rows, a batch at a time; may be asked for again and again. */
export type PathSource = () => BatchesOf<PathBatch>

/** A batch of images and the row of the first of them. */
export interface RowBatch extends PathBatch {
  firstRow: number
}

/** @throws LabelError when there are more or fewer images than the clustering has rows */
export async function* rowsOf(paths: PathSource, { classOf }: Clustering): AsyncGenerator<RowBatch> {
  let firstRow = 0
  for await (const batch of iterate(paths())) {
    if (firstRow + batch.paths.length > classOf.length) throw mismatch(classOf.length, 'more')
    yield { ...batch, firstRow }
    firstRow += batch.paths.length
  }
  if (firstRow < classOf.length) throw mismatch(classOf.length, `${firstRow}`)
}

function mismatch(rows: number, got: string): LabelError {
  return new LabelError(
    'LABEL_ROWS',
    `Expected paths of ${rows} images, one per row of the clustering, but got ${got}`,
  )
}
