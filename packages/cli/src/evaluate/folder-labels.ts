import { className, readFollowed } from '@facekit/labels'
import type { LabelSource } from './label-source.js'

/** A folder of labels: its `assignments.parquet`. */
export function folderLabels(path: string): Omit<LabelSource, 'kind' | 'path'> {
  return {
    hasPaths: true,
    async *batches(signal) {
      let first = 0
      for await (const { classOf, ...images } of readFollowed(path, { withPaths: true })) {
        signal?.throwIfAborted()
        const start = first
        yield { ...images, labels: classOf, placeOf: (i) => `row ${start + i} of ${path}` }
        first += classOf.length
      }
    },
    nameOf: className,
  }
}
