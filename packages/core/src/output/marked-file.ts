import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { runDamaged } from './run-record.js'

/** How far a file was written, and what was in it. */
export interface FileMark {
  bytes: number
  /** Hexadecimal. */
  sha256: string
}

/**
 * A file that grows at its end, knows the checksum of what was written, and can be gone on with from a mark, whatever
 * was written after that.
 */
export class MarkedFile {
  readonly path: string
  readonly handle: FileHandle
  readonly #hash: Hash
  #bytes: number

  private constructor(path: string, handle: FileHandle, hash: Hash, bytes: number) {
    this.path = path
    this.handle = handle
    this.#hash = hash
    this.#bytes = bytes
  }

  /** Creates the file, or empties it. */
  static async create(path: string): Promise<MarkedFile> {
    return new MarkedFile(path, await open(path, 'w+'), createHash('sha256'), 0)
  }

  /**
   * Opens a file and cuts it where the mark was set.
   *
   * @throws FacekitError `RUN_DAMAGED` if it is not there, or not what it was
   */
  static async reopen(path: string, mark: FileMark): Promise<MarkedFile> {
    const hash = await checkMark(path, mark)
    const handle = await open(path, 'r+')
    try {
      await handle.truncate(mark.bytes)
      return new MarkedFile(path, handle, hash, mark.bytes)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at, this.#bytes + at)
      at += bytesWritten
    }
    this.#hash.update(bytes)
    this.#bytes += bytes.length
  }

  /** All that was written is on the disk then. */
  async mark(): Promise<FileMark> {
    await this.handle.sync()
    return { bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') }
  }

  /** May be called again. */
  async close(): Promise<void> {
    await this.handle.close()
  }
}

/**
 * Checks that a file begins with what was marked.
 *
 * @returns the state of the checksum there
 * @throws FacekitError `RUN_DAMAGED`
 */
export async function checkMark(path: string, { bytes, sha256 }: FileMark): Promise<Hash> {
  const damaged = (what: string) => runDamaged(dirname(path), `${basename(path)} ${what}`)
  const { hash, bytes: read } = await hashFile(path, bytes).catch((error: Error) => {
    throw damaged(`cannot be read (${error.message})`)
  })
  if (read < bytes) throw damaged(`has ${read} bytes of ${bytes}`)
  if (hash.copy().digest('hex') !== sha256) throw damaged('holds other bytes')
  return hash
}

/** @param bytes of its beginning, at most; all of it if left out */
export async function hashFile(path: string, bytes = Infinity): Promise<{ hash: Hash; bytes: number }> {
  const hash = createHash('sha256')
  let read = 0
  if (bytes === 0) return { hash, bytes: 0 }
  for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: 2 ** 20 })) {
    hash.update(chunk as Uint8Array)
    read += (chunk as Uint8Array).length
  }
  return { hash, bytes: read }
}
