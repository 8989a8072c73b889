import { FacekitError } from '@facekit/core'

export type EmbedderErrorCode =
  /** The file cannot be read or is no ONNX model that the runtime accepts. */
  | 'MODEL_FILE'
  /** The model has no input, or not one, that takes images. */
  | 'MODEL_INPUT'
  /** The output or dimension asked for is not among the model's. */
  | 'MODEL_OUTPUT'
  /** Inference failed. */
  | 'MODEL_RUN'

/** A model that cannot be used. */
export class EmbedderError extends FacekitError {
  constructor(code: EmbedderErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
