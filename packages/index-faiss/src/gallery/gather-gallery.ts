import { Writable } from 'node:stream'
import type { EmbeddingBatch, SinkOf } from '@facekit/core'
import { SearchError } from '../errors.js'
import type { Gallery } from './gallery.js'

/**
 * Stage: takes every `EmbeddingBatch` into a gallery of the same number of rows, in order.
 *
 * @throws SearchError `GALLERY_SHAPE` when the batches have more or fewer rows than the gallery, or another dim
 */
export function gatherGallery(gallery: Gallery): SinkOf<EmbeddingBatch> {
  return new Writable({
    objectMode: true,
    highWaterMark: 1,
    write({ embeddings, dim }: EmbeddingBatch, _encoding, callback) {
      attempt(callback, () => {
        if (dim !== gallery.dim) {
          throw new SearchError(
            'GALLERY_SHAPE',
            `Expected embeddings of dim ${gallery.dim} but got some of dim ${dim}`,
          )
        }
        gallery.add(embeddings)
      })
    },
    final(callback) {
      attempt(callback, () => gallery.finish())
    },
  })
}

function attempt(callback: (error?: Error) => void, work: () => void): void {
  try {
    work()
  } catch (error) {
    return callback(error as Error)
  }
  callback()
}
