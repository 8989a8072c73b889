import { FacekitError } from '@facekit/core'

export type TruthErrorCode =
  /** What kind of labels a file or folder holds is not to be seen. */
  | 'TRUTH_KIND'
  /** A file that cannot be read, or is not what its kind is. */
  | 'TRUTH_FILE'
  /** A line that is none of its kind. */
  | 'TRUTH_LINE'
  /** One image twice. */
  | 'TRUTH_DUPLICATE'
  /** Other numbers of images, where they are compared in their order. */
  | 'TRUTH_LENGTH'
  /** Paths are needed, and there are none. */
  | 'TRUTH_PATHS'
  /** No image has a class and a truth. */
  | 'TRUTH_MATCH'

export class TruthError extends FacekitError {
  declare readonly code: TruthErrorCode

  constructor(code: TruthErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
