import { FacekitError } from '@facekit/core'

export type LabelErrorCode =
  /** The clustering and the paths are not of the same images. */
  | 'LABEL_ROWS'
  /** A file of labels that cannot be read as one. */
  | 'LABEL_FILE'

export class LabelError extends FacekitError {
  declare readonly code: LabelErrorCode

  constructor(code: LabelErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
