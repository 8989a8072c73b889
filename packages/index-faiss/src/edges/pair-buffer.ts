import type { EdgeBatch } from '@facekit/core'

/** Pairs of rows, growing. */
export class PairBuffer {
  #source = new Uint32Array(256)
  #target = new Uint32Array(256)
  #similarity = new Float32Array(256)
  #count = 0

  add(source: number, target: number, cosine: number): void {
    if (this.#count === this.#source.length) this.#grow()
    this.#source[this.#count] = source
    this.#target[this.#count] = target
    this.#similarity[this.#count] = cosine
    this.#count++
  }

  /** What was added since the last call, in arrays of their own. */
  take(): EdgeBatch {
    const count = this.#count
    this.#count = 0
    return {
      source: this.#source.slice(0, count),
      target: this.#target.slice(0, count),
      similarity: this.#similarity.slice(0, count),
    }
  }

  #grow(): void {
    const length = 2 * this.#source.length
    const grown = {
      source: new Uint32Array(length),
      target: new Uint32Array(length),
      similarity: new Float32Array(length),
    }
    grown.source.set(this.#source)
    grown.target.set(this.#target)
    grown.similarity.set(this.#similarity)
    this.#source = grown.source
    this.#target = grown.target
    this.#similarity = grown.similarity
  }
}
