import { createHash } from 'node:crypto'

/**
 * Tells embeddings by their contents: SHA-256 of all rows, one after the other, as little-endian float32, whatever files
 * they are in. Paths do not count: edges are between rows.
 */
export class EmbeddingsFingerprint {
  readonly #hash = createHash('sha256')

  /** Adds the next rows: n × dim float32, row-major. */
  add(embeddings: Float32Array): void {
    this.#hash.update(new Uint8Array(embeddings.buffer, embeddings.byteOffset, embeddings.byteLength))
  }

  /** @returns `sha256:` and 64 hexadecimal digits; nothing may be added any more */
  finish(): string {
    return `sha256:${this.#hash.digest('hex')}`
  }
}
