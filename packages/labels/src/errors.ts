import { FacekitError } from '@facekit/core'

/** The clustering and the paths are not of the same images. */
export class LabelError extends FacekitError {
  constructor(message: string) {
    super('LABEL_ROWS', message)
  }
}
