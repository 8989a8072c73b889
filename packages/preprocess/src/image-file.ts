import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { ImageError } from './errors.js'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'a link that leads nowhere',
  ENAMETOOLONG: 'no such file: the name is too long',
  ERR_INVALID_ARG_VALUE: 'no such file: the name holds a NUL',
  ENXIO: 'not a regular file',
  EIO: 'the disk or the network gives an error (EIO)',
}

/** What open says where there is nothing of a name. */
const MISSING: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])

/** Whether there is no file, of whatever kind, under the path that failed. */
export function isMissing(result: unknown): boolean {
  return (
    result instanceof ImageError && MISSING.has((result.cause as NodeJS.ErrnoException | undefined)?.code)
  )
}

/** A regular file that may hold a picture. */
export class ImageFile {
  readonly path: string
  /** Its size; never 0. */
  readonly bytes: number
  readonly #file: FileHandle

  private constructor(path: string, bytes: number, file: FileHandle) {
    this.path = path
    this.bytes = bytes
    this.#file = file
  }

  /** @throws ImageError for what is no regular file, or an empty one */
  static async open(path: string): Promise<ImageFile> {
    // Without O_NONBLOCK opening a named pipe would wait for its writer forever.
    const file = await readable(path, open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)))
    try {
      const stats = await readable(path, file.stat())
      if (stats.isDirectory()) throw new ImageError(path, 'a directory')
      if (!stats.isFile()) throw new ImageError(path, 'not a regular file')
      if (stats.size === 0) throw new ImageError(path, 'an empty file')
      return new ImageFile(path, stats.size, file)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** @throws ImageError */
  async readFirst(length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await readable(
      this.path,
      this.#file.read(Buffer.allocUnsafe(length), 0, length, 0),
    )
    return buffer.subarray(0, bytesRead)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

async function readable<T>(path: string, reading: Promise<T>): Promise<T> {
  return reading.catch((cause: NodeJS.ErrnoException) => {
    throw new ImageError(path, whyUnreadable(cause), { cause })
  })
}

/**
 * A short phrase for people. Of what Node has no name for, such as a stale network handle, it says "Unknown system error"
 * and a number, twice.
 */
export function whyUnreadable({ code = '', errno = 0 }: NodeJS.ErrnoException): string {
  return (
    REASONS[code] ??
    `cannot be read (${/^E[A-Z0-9]+$/.test(code) ? code : `system error ${Math.abs(errno)}`})`
  )
}
