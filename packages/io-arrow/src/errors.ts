import { FacekitError } from '@facekit/core'

export type ArrowErrorCode =
  /** The bytes are no Arrow IPC stream. */
  | 'ARROW_INVALID'
  /** The columns are not those of embeddings. */
  | 'ARROW_SCHEMA'
  /** The stream ended before its end marker: its writer failed or was killed. */
  | 'ARROW_TRUNCATED'

export class ArrowError extends FacekitError {
  constructor(code: ArrowErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
