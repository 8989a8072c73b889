import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { FacekitError } from './errors.js'

/** A file that grows at its end and is read by position. It blocks: for threads that have nothing else to do. */
export class ScratchFile {
  readonly path: string
  readonly #file: number
  #bytes = 0
  #isOpen = true

  /** Creates the file, or empties it. */
  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, 'w+')
  }

  /** @returns where the first byte went */
  append(values: ArrayBufferView): number {
    const start = this.#bytes
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at, bytes.length - at, start + at)
    this.#bytes += bytes.length
    return start
  }

  /** @throws FacekitError `FILE_CUT` */
  read(position: number, into: ArrayBufferView): void {
    readWhole(this.#file, position, into, this.path)
  }

  /** Keeps the file, for others to read. */
  close(): void {
    if (this.#isOpen) closeSync(this.#file)
    this.#isOpen = false
  }

  /** Closes and removes the file; one that is gone is no error. */
  remove(): void {
    this.close()
    rmSync(this.path, { force: true })
  }
}

/**
 * Fills `into` from an open file.
 *
 * @param path for the message
 * @throws FacekitError `FILE_CUT` if the file ends before
 */
export function readWhole(file: number, position: number, into: ArrayBufferView, path: string): void {
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength)
  for (let at = 0; at < bytes.length;) {
    const read = readSync(file, bytes, at, bytes.length - at, position + at)
    if (read === 0) {
      throw new FacekitError(
        'FILE_CUT',
        `Expected ${bytes.length} bytes at ${position} of ${path} but it ends before: it was changed meanwhile`,
      )
    }
    at += read
  }
}
