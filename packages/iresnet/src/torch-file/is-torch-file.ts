import { open, stat } from 'node:fs/promises'
import { HEAD_BYTES } from '@facekit/core'
import { isOnnx, isPickle, isSafetensors, isZip } from './recognize.js'

const EXTENSIONS = /\.(pth|pt|ckpt|safetensors)(\.tar)?$/i

/**
 * Whether a file is PyTorch's, or safetensors, by how it begins. What is none of these and no ONNX model, or cannot be
 * read, is what its name says: so the error is about what was meant.
 */
export async function isTorchFile(path: string): Promise<boolean> {
  const head = await readHead(path).catch(() => Buffer.alloc(0))
  if (isZip(head) || isPickle(head) || isSafetensors(head)) return true
  return !isOnnx(head) && EXTENSIONS.test(path)
}

async function readHead(path: string): Promise<Buffer> {
  // Opening a named pipe would wait for its other end.
  if (!(await stat(path)).isFile()) return Buffer.alloc(0)
  const file = await open(path)
  const { buffer, bytesRead } = await file
    .read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    .finally(async () => file.close())
  return buffer.subarray(0, bytesRead)
}
