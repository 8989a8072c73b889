import type { FileHandle } from 'node:fs/promises'
import { NpyError } from './errors.js'
import { readFully } from './file-io.js'

/** Read at once: many small items per read, little memory. */
const BUFFER_BYTES = 256 * 1024

/**
 * Reads a part of a file from front to back in small items. `prefetch` waits for the disk; the others take what it
 * brought, so that a loop over millions of items does not wait for a promise per item.
 */
export class ByteSource {
  readonly #handle: FileHandle
  readonly #file: string
  readonly #end: number
  #position: number
  #buffer = Buffer.alloc(0)
  #at = 0

  /** Bytes `start` to `end` of the file. */
  constructor(handle: FileHandle, file: string, start: number, end: number) {
    this.#handle = handle
    this.#file = file
    this.#position = start
    this.#end = end
  }

  /** Bytes that were not taken yet. */
  get remaining(): number {
    return this.#end - this.position
  }

  /** Byte of the file that is taken next. */
  get position(): number {
    return this.#position - (this.#buffer.length - this.#at)
  }

  has(bytes: number): boolean {
    return this.#buffer.length - this.#at >= bytes
  }

  /** Makes the next `bytes` ready, or as many as there are. */
  async prefetch(bytes: number): Promise<void> {
    if (this.has(bytes)) return
    const kept = this.#buffer.subarray(this.#at)
    const fetched = Math.min(Math.max(BUFFER_BYTES, bytes) - kept.length, this.#end - this.#position)
    const buffer = Buffer.allocUnsafe(kept.length + fetched)
    kept.copy(buffer)
    await readFully(this.#handle, buffer.subarray(kept.length), this.#position, this.#file)
    this.#position += fetched
    this.#buffer = buffer
    this.#at = 0
  }

  uint8(): number {
    return this.#buffer.readUInt8(this.#advance(1))
  }

  uint16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2))
  }

  uint32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4))
  }

  int32(): number {
    return this.#buffer.readInt32LE(this.#advance(4))
  }

  /** Inexact above 2⁵³, where it is too large for every use anyway. */
  uint64(): number {
    return this.uint32() + this.uint32() * 2 ** 32
  }

  /** Valid until the next `prefetch`. */
  bytes(length: number): Buffer {
    const start = this.#advance(length)
    return this.#buffer.subarray(start, start + length)
  }

  #advance(bytes: number): number {
    const start = this.#at
    if (!this.has(bytes)) {
      throw new NpyError(
        'NPY_TRUNCATED',
        this.#file,
        `ended at byte ${this.#end} in the middle of an item: was it cut short?`,
      )
    }
    this.#at += bytes
    return start
  }
}
