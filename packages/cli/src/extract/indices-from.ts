import { Transform } from 'node:stream'
import { FacekitError } from '@facekit/core'
import type { ListedBatch } from '@facekit/preprocess'

/** Positions are uint32. */
const MOST_IMAGES = 2 ** 32

/** Stage of `ListedBatch`: indices go on from those of earlier inputs. */
export function indicesFrom(first: number): Transform {
  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform(batch: ListedBatch, _encoding, callback) {
      const failed = batch.failed.map((failure) => ({ ...failure, index: first + failure.index }))
      const last = Math.max(batch.indices.at(-1) ?? 0, batch.failed.at(-1)?.index ?? 0)
      if (first + last >= MOST_IMAGES)
        return callback(
          new FacekitError('INPUT_LIST', `Expected at most ${MOST_IMAGES} images, earlier ones included`),
        )
      return callback(null, { ...batch, indices: batch.indices.map((index) => first + index), failed })
    },
  })
}
