import { recognizeFile } from '@facekit/core'

export function isZip(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'PK\x03\x04'
}

/** A pickle of protocol 2 or later. */
export function isPickle(head: Buffer): boolean {
  return head[0] === 0x80
}

/** A safetensors file: eight bytes with the length of a header of JSON, then the header. */
export function isSafetensors(head: Buffer): boolean {
  return head.toString('latin1', 8, 10) === '{"'
}

/** Fields of an ONNX model that may follow its version, the first: all but the functions and what they are for. */
const AFTER_VERSION = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72]

export function isOnnx(head: Buffer): boolean {
  return head[0] === 0x08 && head[1]! < 0x20 && AFTER_VERSION.includes(head[2]!)
}

/** What a file is instead of PyTorch weights; `undefined` where that cannot be told. */
export function recognizeOther(head: Buffer): string | undefined {
  return isOnnx(head) ? 'an ONNX model, which needs no conversion' : recognizeFile(head)
}
