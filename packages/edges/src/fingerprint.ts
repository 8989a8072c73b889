import { createHash, type Hash } from 'node:crypto'

/**
 * Tells embeddings by their contents: SHA-256 of all rows, one after the other, as little-endian float32, whatever files
 * they are in. Paths do not count: edges are between rows.
 */
export class EmbeddingsFingerprint {
  readonly #hash = createHash('sha256')
  readonly #firstNumbers: number
  #numbers = 0
  #first: string | undefined

  /** @param firstNumbers of how many numbers, rows × dim, the fingerprint is wanted too, as it was before more rows came */
  constructor(firstNumbers = Infinity) {
    this.#firstNumbers = firstNumbers
  }

  /** Adds the next rows: n × dim float32, row-major. */
  add(embeddings: Float32Array): void {
    const left = this.#firstNumbers - this.#numbers
    if (this.#first === undefined && left <= embeddings.length) {
      this.#update(embeddings.subarray(0, left))
      this.#first = named(this.#hash.copy())
      this.#update(embeddings.subarray(left))
    } else this.#update(embeddings)
    this.#numbers += embeddings.length
  }

  /** Of the first numbers; undefined where there were not as many. */
  get first(): string | undefined {
    return this.#first
  }

  /** @returns `sha256:` and 64 hexadecimal digits; nothing may be added any more */
  finish(): string {
    return named(this.#hash)
  }

  #update({ buffer, byteOffset, byteLength }: Float32Array): void {
    this.#hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
}

function named(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`
}
