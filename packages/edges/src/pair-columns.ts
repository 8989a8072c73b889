import type { EdgeBatch } from '@facekit/core'

const SMALLEST = 256

/** Pairs of rows with their cosine, growing. */
export class PairColumns {
  source = new Uint32Array(SMALLEST)
  target = new Uint32Array(SMALLEST)
  similarity = new Float32Array(SMALLEST)
  count = 0
  /** By how many pairs they grow at once, at most: they double until then. */
  readonly #mostGrowth: number

  constructor(mostGrowth = Infinity) {
    this.#mostGrowth = mostGrowth
  }

  add(source: number, target: number, similarity: number): void {
    if (this.count === this.source.length) this.#makeRoom(1)
    this.source[this.count] = source
    this.target[this.count] = target
    this.similarity[this.count] = similarity
    this.count++
  }

  addAll({ source, target, similarity }: EdgeBatch): void {
    if (this.count + source.length > this.source.length) this.#makeRoom(source.length)
    this.source.set(source, this.count)
    this.target.set(target, this.count)
    this.similarity.set(similarity, this.count)
    this.count += source.length
  }

  /** Drops the pairs for which it does not answer true; the others keep their order. */
  keep(isKept: (at: number) => boolean): void {
    let count = 0
    for (let at = 0; at < this.count; at++) {
      if (!isKept(at)) continue
      this.source[count] = this.source[at]!
      this.target[count] = this.target[at]!
      this.similarity[count] = this.similarity[at]!
      count++
    }
    this.count = count
  }

  /** All pairs, in arrays of their own. None are left. */
  take(): EdgeBatch {
    const { count } = this
    this.count = 0
    return {
      source: this.source.slice(0, count),
      target: this.target.slice(0, count),
      similarity: this.similarity.slice(0, count),
    }
  }

  /** Gives back the memory that is not in use. */
  shrink(): void {
    this.#resize(Math.max(SMALLEST, this.count))
  }

  #makeRoom(added: number): void {
    const growth = Math.min(this.count, this.#mostGrowth)
    this.#resize(this.count + Math.max(growth, added))
  }

  #resize(length: number): void {
    const source = new Uint32Array(length)
    const target = new Uint32Array(length)
    const similarity = new Float32Array(length)
    source.set(this.source.subarray(0, this.count))
    target.set(this.target.subarray(0, this.count))
    similarity.set(this.similarity.subarray(0, this.count))
    this.source = source
    this.target = target
    this.similarity = similarity
  }
}
