import { open } from 'node:fs/promises'

const EXTENSIONS = /\.(pth|pt|ckpt)(\.tar)?$/i

/** Zip archives, and pickles of protocol 2 or later. */
const BEGINNINGS = ['PK', '\x80']

/** Whether a file is meant to be PyTorch's, by its name or by how it begins. A file that cannot be read is by its name. */
export async function isTorchFile(path: string): Promise<boolean> {
  if (EXTENSIONS.test(path)) return true
  try {
    const file = await open(path)
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0).finally(() => file.close())
    return BEGINNINGS.some((beginning) => buffer.toString('latin1').startsWith(beginning))
  } catch {
    return false
  }
}
