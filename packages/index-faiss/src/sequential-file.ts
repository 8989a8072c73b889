import { closeSync, openSync, writeSync } from 'node:fs'

/** A file that is written once, from its beginning to its end, without waiting: it is read by other threads. */
export class SequentialFile {
  readonly path: string
  readonly #file: number
  #open = true

  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, 'w')
  }

  append(values: ArrayBufferView): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at)
  }

  close(): void {
    if (this.#open) closeSync(this.#file)
    this.#open = false
  }
}
