import { FacekitError } from '@facekit/core'

/** Edges that do not fit the rows. */
export class GraphError extends FacekitError {
  constructor(message: string) {
    super('EDGE', message)
  }
}
