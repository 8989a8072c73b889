import { FacekitError } from '@facekit/core'

export type InputErrorCode =
  /** There is nothing under the path given as input. */
  | 'INPUT_MISSING'
  /** The input cannot be read; a folder in it that cannot be is an image that failed. */
  | 'INPUT_UNREADABLE'
  /** The list is not a text file with one path per line. */
  | 'INPUT_LIST'

/** The list of images cannot be had: no work is possible. */
export class InputError extends FacekitError {
  constructor(code: InputErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** One image cannot be decoded. `reason` is a short phrase for people. */
export class ImageError extends FacekitError {
  readonly path: string
  readonly reason: string

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('IMAGE', `${path}: ${reason}`, options)
    this.path = path
    this.reason = reason
  }
}
