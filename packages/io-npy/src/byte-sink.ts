import type { MarkedFile } from '@facekit/core'
import { appendTo } from './file-io.js'

/** Written at once: many small items per write, little memory. */
const BUFFER_BYTES = 256 * 1024

/**
 * Writes small items one after the other. `reserve` waits for the disk where it must; the others fill what it made
 * free.
 */
export class ByteSink {
  readonly #file: MarkedFile
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  #at = 0

  constructor(file: MarkedFile) {
    this.#file = file
  }

  has(bytes: number): boolean {
    return this.#buffer.length - this.#at >= bytes
  }

  /** Makes room for `bytes`. */
  async reserve(bytes: number): Promise<void> {
    if (this.has(bytes)) return
    await this.flush()
    if (!this.has(bytes)) this.#buffer = Buffer.allocUnsafe(bytes)
  }

  uint8(value: number): void {
    this.#at = this.#buffer.writeUInt8(value, this.#at)
  }

  uint32(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at)
  }

  bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  text(text: string, encoding: 'latin1' | 'utf8' | 'utf16le'): void {
    this.#at += this.#buffer.write(text, this.#at, encoding)
  }

  async flush(): Promise<void> {
    await appendTo(this.#file, this.#buffer.subarray(0, this.#at))
    this.#at = 0
  }
}
