import type { EdgeBatch } from '@facekit/core'
import { listOrder } from './list-order.js'

/** Pairs, 3 MiB, from which on it is worth while to drop what no list can hold; and again after so many more. */
const PRUNED_PAIRS = 2 ** 18

/** Pairs of rows, growing. */
export class PairBuffer {
  #source = new Uint32Array(256)
  #target = new Uint32Array(256)
  #similarity = new Float32Array(256)
  #count = 0
  readonly #listLength: number
  #pruneAt = PRUNED_PAIRS

  /** @param listLength pairs that are not among so many best of either end may be dropped; none are if left out */
  constructor(listLength = Infinity) {
    this.#listLength = listLength
  }

  add(source: number, target: number, cosine: number): void {
    if (this.#count === this.#source.length) this.#grow()
    this.#source[this.#count] = source
    this.#target[this.#count] = target
    this.#similarity[this.#count] = cosine
    this.#count++
    if (this.#count >= this.#pruneAt && this.#listLength < Infinity) this.#prune()
  }

  /** What was added since the last call, in arrays of their own. */
  take(): EdgeBatch {
    const count = this.#count
    this.#count = 0
    this.#pruneAt = PRUNED_PAIRS
    const taken = {
      source: this.#source.slice(0, count),
      target: this.#target.slice(0, count),
      similarity: this.#similarity.slice(0, count),
    }
    if (this.#source.length > 2 * PRUNED_PAIRS) this.#resize(256)
    return taken
  }

  #prune(): void {
    const kept = new Uint8Array(this.#count)
    this.#markListed(this.#source, this.#target, kept)
    this.#markListed(this.#target, this.#source, kept)
    let count = 0
    for (let at = 0; at < this.#count; at++) {
      if (!kept[at]) continue
      this.#source[count] = this.#source[at]!
      this.#target[count] = this.#target[at]!
      this.#similarity[count] = this.#similarity[at]!
      count++
    }
    this.#count = count
    this.#pruneAt = count + PRUNED_PAIRS
  }

  /** Marks the pairs that are among the best of their owner. */
  #markListed(owners: Uint32Array, others: Uint32Array, kept: Uint8Array): void {
    // Owners are rows of a few tiles: a counting sort.
    const used = owners.subarray(0, this.#count)
    const first = used.reduce((least, owner) => Math.min(least, owner), Infinity)
    const last = used.reduce((most, owner) => Math.max(most, owner), 0)
    const starts = new Uint32Array(last - first + 2)
    for (const owner of used) starts[owner - first + 1]!++
    for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!
    const next = starts.slice()
    const order = new Uint32Array(this.#count)
    used.forEach((owner, at) => (order[next[owner - first]!++] = at))
    for (let i = 0; i + 1 < starts.length; i++) {
      const own = order.subarray(starts[i], starts[i + 1])
      if (own.length > this.#listLength)
        own.sort((a, b) => listOrder(this.#similarity[a]!, others[a]!, this.#similarity[b]!, others[b]!))
      for (const at of own.subarray(0, this.#listLength)) kept[at] = 1
    }
  }

  #grow(): void {
    // By no more than comes before the next pruning.
    this.#resize(this.#count + Math.min(this.#count, PRUNED_PAIRS))
  }

  #resize(length: number): void {
    const grown = {
      source: new Uint32Array(length),
      target: new Uint32Array(length),
      similarity: new Float32Array(length),
    }
    grown.source.set(this.#source.subarray(0, this.#count))
    grown.target.set(this.#target.subarray(0, this.#count))
    grown.similarity.set(this.#similarity.subarray(0, this.#count))
    this.#source = grown.source
    this.#target = grown.target
    this.#similarity = grown.similarity
  }
}
