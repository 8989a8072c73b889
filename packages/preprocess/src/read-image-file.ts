import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ImageError } from './errors.js'

/** No picture within the pixel limit is larger. */
const MAX_FILE_BYTES = 2 ** 30

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'a link that leads nowhere',
  ENAMETOOLONG: 'no such file: the name is too long',
}

/** @throws ImageError for what is no regular file of a sensible size */
export async function readImageFile(path: string): Promise<Buffer> {
  try {
    // Without O_NONBLOCK opening a named pipe would wait for its writer forever.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const stats = await file.stat()
      if (stats.isDirectory()) throw new ImageError(path, 'a directory')
      if (!stats.isFile()) throw new ImageError(path, 'not a regular file')
      if (stats.size === 0) throw new ImageError(path, 'an empty file')
      if (stats.size > MAX_FILE_BYTES) throw new ImageError(path, `larger than ${MAX_FILE_BYTES} bytes`)
      const bytes = Buffer.allocUnsafe(stats.size)
      const { bytesRead } = await file.read(bytes, 0, stats.size, 0)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof ImageError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    throw new ImageError(path, REASONS[code ?? ''] ?? message, { cause })
  }
}
