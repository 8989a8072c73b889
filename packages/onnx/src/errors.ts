import { FacekitError } from '@facekit/core'

/** Bytes that are no ONNX model, or not the one that an edit expects. */
export class OnnxError extends FacekitError {
  constructor(code: 'ONNX_INVALID' | 'ONNX_INPUT', message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
