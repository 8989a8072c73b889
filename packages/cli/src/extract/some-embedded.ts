import { Transform } from 'node:stream'
import { FacekitError, type EmbeddingBatch, type FailedImage } from '@facekit/core'

/**
 * Stage that passes batches on, and fails at the end where images came and none has an embedding: a disk that is not
 * mounted or a model that gives no numbers must not pass for an empty input, and replace what is there.
 *
 * @throws FacekitError `NONE_EMBEDDED`
 */
export function someEmbedded(): Transform {
  let embedded = 0
  let failed = 0
  let first: FailedImage | undefined
  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform(batch: EmbeddingBatch, _encoding, callback) {
      embedded += batch.indices.length
      failed += batch.failed?.length ?? 0
      first ??= batch.failed?.[0]
      callback(null, batch)
    },
    flush(callback) {
      callback(embedded === 0 && first ? noneEmbedded(failed, first) : null)
    },
  })
}

function noneEmbedded(failed: number, { path, reason }: FailedImage): FacekitError {
  return new FacekitError(
    'NONE_EMBEDDED',
    `Expected embeddings of ${failed} images but all of them failed, the first, ${path}: ${reason}. Nothing is written. Check --input and --weights.`,
  )
}
