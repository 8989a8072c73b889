/**
 * The rows that an engine found near one row, with the engine's own similarities: all that may be edges, or, where
 * there are more than `limit`, at least the `limit` best of them.
 */
export class Candidates {
  readonly #limit: number
  readonly #error: number
  #rows = new Uint32Array(64)
  #similarities = new Float32Array(64)
  #count = 0
  #pruneAt: number

  /**
   * @param limit candidates that count
   * @param error how far the engine's similarities may be off
   */
  constructor(limit: number, error: number) {
    this.#limit = limit
    this.#error = error
    this.#pruneAt = Math.max(64, 4 * limit)
  }

  get rows(): Uint32Array {
    return this.#rows.subarray(0, this.#count)
  }

  clear(): void {
    this.#count = 0
    this.#pruneAt = Math.max(64, 4 * this.#limit)
  }

  add(row: number, similarity: number): void {
    if (this.#count === this.#pruneAt) {
      this.prune()
      this.#pruneAt = Math.max(this.#pruneAt, 2 * this.#count)
    }
    if (this.#count === this.#rows.length) this.#grow()
    this.#rows[this.#count] = row
    this.#similarities[this.#count] = similarity
    this.#count++
  }

  /** Drops what cannot be among the `limit` best, however the engine's errors fell. */
  prune(): void {
    const bound = this.lowestThatCounts()
    let kept = 0
    for (let i = 0; i < this.#count; i++) {
      if (this.#similarities[i]! < bound) continue
      this.#rows[kept] = this.#rows[i]!
      this.#similarities[kept] = this.#similarities[i]!
      kept++
    }
    this.#count = kept
  }

  /** The engine's similarity below which no row can be among the `limit` best. */
  lowestThatCounts(): number {
    if (this.#count <= this.#limit) return -Infinity
    if (this.#limit === 0) return Infinity
    const descending = this.#similarities.slice(0, this.#count).sort().reverse()
    return descending[this.#limit - 1]! - 2 * this.#error
  }

  #grow(): void {
    const rows = new Uint32Array(2 * this.#rows.length)
    const similarities = new Float32Array(rows.length)
    rows.set(this.#rows)
    similarities.set(this.#similarities)
    this.#rows = rows
    this.#similarities = similarities
  }
}
