import { Writable } from 'node:stream'
import type { EmbeddingBatch } from '@facekit/core'
import { SearchError } from './errors.js'
import type { Gallery } from './gallery.js'

/**
 * Stage: takes every `EmbeddingBatch` into a gallery of the same number of rows, in order.
 *
 * @throws SearchError `GALLERY_SHAPE` when the batches have more or fewer rows than the gallery, or another dim
 */
export function gatherGallery(gallery: Gallery): Writable {
  let row = 0
  return new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(batch: EmbeddingBatch, _encoding, callback) {
      const { embeddings, dim, indices } = batch
      if (dim !== gallery.dim || row + indices.length > gallery.rows) {
        return callback(shapeError(gallery, `${row + indices.length} or more of dim ${dim}`))
      }
      for (let i = 0; i < indices.length; i++, row++) {
        gallery.set(row, embeddings.subarray(i * dim, (i + 1) * dim))
      }
      callback()
    },
    final(callback) {
      callback(row === gallery.rows ? null : shapeError(gallery, `${row}`))
    },
  })
}

function shapeError(gallery: Gallery, got: string): SearchError {
  return new SearchError(
    'GALLERY_SHAPE',
    `Expected ${gallery.rows} embeddings of dim ${gallery.dim} but got ${got}`,
  )
}
