import { recognizeFile } from '@facekit/core'
import { OnnxError } from './errors.js'

/**
 * Gives what `read` makes of a model's bytes.
 *
 * @throws OnnxError `ONNX_INVALID` where they do not parse
 */
export function asOnnx<T>(bytes: Uint8Array, source: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw cause instanceof OnnxError ? cause : notAModel(source, bytes, cause)
  }
}

export function notAModel(source: string, bytes: Uint8Array, cause?: unknown): OnnxError {
  return new OnnxError(
    'ONNX_INVALID',
    `Expected an ONNX model in ${source} but got ${describe(bytes)}. Check that the file is complete and was exported with torch.onnx.export or an equal.`,
    { cause },
  )
}

function describe(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 10)).toString('latin1')
  if (head.startsWith('PK')) return `a zip file of ${bytes.length} bytes (a PyTorch checkpoint?)`
  if (head.startsWith('\x80')) return 'a Python pickle (a PyTorch checkpoint?)'
  if (head.endsWith('{"')) return 'a safetensors file'
  return recognizeFile(bytes) ?? `${bytes.length} bytes that do not parse as one`
}
