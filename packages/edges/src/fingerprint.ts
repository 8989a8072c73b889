import { createHash, type Hash } from 'node:crypto'

/**
 * Tells embeddings by their contents: SHA-256 of all rows, one after the other, as little-endian float32, whatever files
 * they are in. Paths do not count: edges are between rows.
 */
export class EmbeddingsFingerprint {
  readonly #hash = createHash('sha256')
  /** Of how many first numbers each is wanted, ascending, and what it is once they came. */
  readonly #firsts: Map<number, string | undefined>
  #numbers = 0

  /** @param firsts of how many numbers, rows × dim, the fingerprint is wanted too, as it was before more rows came */
  constructor(firsts: readonly number[] = []) {
    this.#firsts = new Map([...firsts].sort((a, b) => a - b).map((numbers) => [numbers, undefined]))
    this.#note()
  }

  /** Adds the next rows: n × dim float32, row-major. */
  add(embeddings: Float32Array): void {
    let start = 0
    for (const numbers of this.#firsts.keys()) {
      const end = start + numbers - this.#numbers
      if (end <= start || end > embeddings.length) continue
      this.#update(embeddings.subarray(start, end))
      start = end
    }
    this.#update(embeddings.subarray(start))
  }

  /** @returns the fingerprint of the first numbers; undefined where it was not wanted, or they have not come */
  of(numbers: number): string | undefined {
    return this.#firsts.get(numbers)
  }

  /** @returns `sha256:` and 64 hexadecimal digits; nothing may be added any more */
  finish(): string {
    return named(this.#hash)
  }

  #update(embeddings: Float32Array): void {
    const { buffer, byteOffset, byteLength } = embeddings
    this.#hash.update(new Uint8Array(buffer, byteOffset, byteLength))
    this.#numbers += embeddings.length
    this.#note()
  }

  #note(): void {
    if (this.#firsts.has(this.#numbers)) this.#firsts.set(this.#numbers, named(this.#hash.copy()))
  }
}

function named(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`
}
