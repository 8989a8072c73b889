import { Transform } from 'node:stream'
import { FacekitError, type EmbeddingBatch, type FailedImage } from '@facekit/core'

/** Images of which all may fail before it is said: more than a bad folder holds, and soon. */
const FAILED_BEFORE_WORD = 1000

/** The first one may be no image but the header of a list, the second says what is wrong. */
const REASONS_SAID = 2

/**
 * Stage that passes batches on, and fails at the end where images came and none has an embedding: a disk that is not
 * mounted or a model that gives no numbers must not pass for an empty input, and replace what is there.
 *
 * @param before embeddings that there are already
 * @param onNone told once, where the first 1,000 images have all failed: what fails at the end may do so for hours
 * @throws FacekitError `NONE_EMBEDDED`
 */
export function someEmbedded(before: number, onNone: (failed: number, reasons: string) => void): Transform {
  let embedded = before
  let failed = 0
  /** The first of each reason. */
  const firsts: FailedImage[] = []
  const reasons = () => `the first, ${firsts.map(({ path, reason }) => `${path}: ${reason}`).join('; ')}`
  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform(batch: EmbeddingBatch, _encoding, callback) {
      const failedBefore = failed
      embedded += batch.indices.length
      failed += batch.failed?.length ?? 0
      for (const image of batch.failed ?? []) {
        if (firsts.length === REASONS_SAID) break
        if (firsts.every(({ reason }) => reason !== image.reason)) firsts.push(image)
      }
      if (embedded === 0 && failedBefore < FAILED_BEFORE_WORD && failed >= FAILED_BEFORE_WORD)
        onNone(failed, reasons())
      callback(null, batch)
    },
    flush(callback) {
      callback(embedded === 0 && failed > 0 ? noneEmbedded(failed, reasons()) : null)
    },
  })
}

function noneEmbedded(failed: number, reasons: string): FacekitError {
  return new FacekitError(
    'NONE_EMBEDDED',
    `Expected embeddings of ${failed} images but all of them failed, ${reasons}. Nothing is written. Check --input (that its disk is mounted, and that each line of a list is a path) and --weights.`,
  )
}
