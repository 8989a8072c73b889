import { FacekitError } from '@facekit/core'

/** What is wrong with labels. */
export type LabelErrorCode =
  /** The clustering and the paths are not of the same images. */
  | 'LABEL_ROWS'
  /** No labels in a folder. */
  | 'LABELS_FOLDER'
  /** A file of labels is not what facekit wrote. */
  | 'LABELS_CHANGED'
  /** What made labels cannot be read. */
  | 'LABEL_RUN'
  /** No name is left for a class. */
  | 'LABEL_NAMES'

/** Labels that cannot be made or read. */
export class LabelError extends FacekitError {
  declare readonly code: LabelErrorCode

  constructor(code: LabelErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
