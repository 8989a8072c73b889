import type { FileHandle } from 'node:fs/promises'
import { open, stat } from 'node:fs/promises'
import { IresnetError } from '../errors.js'

/** Bytes per read: the cost of a call is nothing beside the copy, and the checksum of them is taken while they are in the cache. */
export const CHUNK_BYTES = 4 * 1024 * 1024

/** A file whose bytes are read where they are wanted. */
export class InputFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly #handle: FileHandle

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path
    this.size = size
    this.#handle = handle
  }

  /** @throws IresnetError `TORCH_FILE` where `path` cannot be opened as a regular file. */
  static async open(path: string): Promise<InputFile> {
    try {
      // Before opening: opening a named pipe would wait for its other end.
      const stats = await stat(path)
      if (!stats.isFile()) {
        const what = stats.isDirectory() ? 'a folder: name a file in it' : 'not a regular file'
        throw new IresnetError('TORCH_FILE', `${path}: expected a PyTorch file but it is ${what}`)
      }
      return new InputFile(path, stats.size, await open(path, 'r'))
    } catch (error) {
      if (error instanceof IresnetError) throw error
      const { code, message } = error as NodeJS.ErrnoException
      const what = code === 'ENOENT' ? 'no such file' : message
      throw new IresnetError('TORCH_FILE', `${path}: ${what}`, { cause: error })
    }
  }

  /**
   * Fills `into` from byte `position` on, which may lie beyond 4 GiB.
   *
   * @throws IresnetError `TORCH_FILE` where the file ends before.
   */
  async read(into: Uint8Array, position: number): Promise<void> {
    const end = position + into.length
    if (end > this.size)
      throw this.damaged(`has ${this.size} bytes but refers to byte ${end}: was it cut short?`)
    for (let done = 0; done < into.length;) {
      const length = Math.min(CHUNK_BYTES, into.length - done)
      const { bytesRead } = await this.#handle
        .read(into, done, length, position + done)
        .catch((error: Error) => {
          throw this.damaged(error.message, error)
        })
      if (bytesRead === 0)
        throw this.damaged(`ended at byte ${position + done}, before its ${this.size} bytes`)
      done += bytesRead
    }
  }

  damaged(problem: string, cause?: unknown): IresnetError {
    return new IresnetError('TORCH_FILE', `${this.path}: ${problem}`, cause === undefined ? {} : { cause })
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
