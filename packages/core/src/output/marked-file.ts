import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { runDamaged } from './run-record.js'

/** How far a file was written, and what was in it. */
export interface FileMark {
  /** Where in the file begins what is marked, 0 if left out: what comes before may have changed since. */
  from?: number
  /** Where it ends. */
  bytes: number
  /** Hexadecimal, of all between. */
  sha256: string
}

/** Written or read at once: far below the 2 GiB that one call can move. */
const CHUNK_BYTES = 2 ** 22

/**
 * A file that grows at its end and can be gone on with from a mark, whatever was written after that. What is never
 * marked costs nothing: the checksum is taken of what the file holds.
 */
export class MarkedFile {
  readonly path: string
  readonly handle: FileHandle
  readonly #from: number
  #bytes: number
  /** Of all up to `#hashed`. */
  readonly #hash: Hash
  #hashed: number

  private constructor(path: string, handle: FileHandle, from: number, hash: Hash, bytes: number) {
    this.path = path
    this.handle = handle
    this.#from = from
    this.#bytes = bytes
    this.#hash = hash
    this.#hashed = bytes
  }

  /**
   * Creates the file, or empties it.
   *
   * @param from leaves room for so many bytes before all that is appended: a header, which marks do not cover
   */
  static async create(path: string, from = 0): Promise<MarkedFile> {
    return new MarkedFile(path, await open(path, 'w+'), from, createHash('sha256'), from)
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
      return new MarkedFile(path, handle, mark.from ?? 0, hash, mark.bytes)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Where the next ones go. */
  get bytes(): number {
    return this.#bytes
  }

  /** Writes at the end. @throws the error of the system */
  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(CHUNK_BYTES, bytes.length - at)
      at += (await this.handle.write(bytes, at, length, this.#bytes + at)).bytesWritten
    }
    this.#bytes += bytes.length
  }

  /** All that was written is on the disk then. */
  async mark(): Promise<FileMark> {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#bytes - this.#hashed))
    while (this.#hashed < this.#bytes) {
      const length = Math.min(chunk.length, this.#bytes - this.#hashed)
      const { bytesRead } = await this.handle.read(chunk, 0, length, this.#hashed)
      if (bytesRead === 0) throw runDamaged(dirname(this.path), `${basename(this.path)} was cut`)
      this.#hash.update(chunk.subarray(0, bytesRead))
      this.#hashed += bytesRead
    }
    await this.handle.sync()
    return { from: this.#from, bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') }
  }

  /** May be called again. */
  async close(): Promise<void> {
    await this.handle.close()
  }
}

/** Whether something read from JSON is a mark that `MarkedFile` gave. */
export function isFileMark(value: unknown): value is FileMark {
  if (typeof value !== 'object' || value === null) return false
  const { from = 0, bytes, sha256 } = value as Record<keyof FileMark, unknown>
  const isPosition = (position: unknown) => Number.isSafeInteger(position) && Number(position) >= 0
  return isPosition(from) && isPosition(bytes) && Number(bytes) >= Number(from) && typeof sha256 === 'string'
}

/**
 * Checks that a file holds what was marked.
 *
 * @returns the state of the checksum at the end of that
 * @throws FacekitError `RUN_DAMAGED`
 */
export async function checkMark(path: string, { from = 0, bytes, sha256 }: FileMark): Promise<Hash> {
  const damaged = (what: string) => runDamaged(dirname(path), `${basename(path)} ${what}`)
  const { hash, bytes: end } = await hashFile(path, { from, end: bytes }).catch((error: Error) => {
    throw damaged(`cannot be read (${error.message})`)
  })
  if (end < bytes) throw damaged(`has ${end} bytes of ${bytes}`)
  if (hash.copy().digest('hex') !== sha256) throw damaged('holds other bytes')
  return hash
}

/** What of a file is hashed: all of it, where this is left out. */
export interface HashOptions {
  from?: number
  end?: number
  signal?: AbortSignal | undefined
}

/**
 * The SHA-256 of a file, or of a part.
 *
 * @returns the state of the checksum, and where the part ended
 * @throws the error of the system; the reason of the signal
 */
export async function hashFile(
  path: string,
  { from = 0, end = Infinity, signal }: HashOptions = {},
): Promise<{ hash: Hash; bytes: number }> {
  const hash = createHash('sha256')
  let read = from
  // A stream of no bytes does not look whether there is a file.
  const handle = await open(path, 'r')
  if (end <= from) {
    await handle.close()
    return { hash, bytes: from }
  }
  for await (const chunk of createReadStream(path, {
    fd: handle,
    start: from,
    end: end - 1,
    highWaterMark: 2 ** 20,
  })) {
    signal?.throwIfAborted()
    hash.update(chunk as Uint8Array)
    read += (chunk as Uint8Array).length
  }
  return { hash, bytes: read }
}
