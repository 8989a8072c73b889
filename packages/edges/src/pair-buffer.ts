import type { EdgeBatch } from '@facekit/core'
import { listOrder } from './list-order.js'
import { PairColumns } from './pair-columns.js'

/** Pairs, 3 MiB, from which on it is worth while to drop what no list can hold; and again after so many more. */
const PRUNED_PAIRS = 2 ** 18

/** What a part of a search has found. Owners are rows of a few tiles. */
export class PairBuffer {
  // They grow by no more than comes before the next pruning.
  #pairs = new PairColumns(PRUNED_PAIRS)
  readonly #listLength: number
  #pruneAt = PRUNED_PAIRS

  /** @param listLength pairs that are not among so many best of either end may be dropped; none are if left out */
  constructor(listLength = Infinity) {
    this.#listLength = listLength
  }

  /** Adds a pair; now and then, those go that no list can hold. */
  add(source: number, target: number, cosine: number): void {
    this.#pairs.add(source, target, cosine)
    if (this.#pairs.count >= this.#pruneAt && this.#listLength < Infinity) this.#prune()
  }

  /** What was added since the last call, in arrays of their own. */
  take(): EdgeBatch {
    const taken = this.#pairs.take()
    this.#pruneAt = PRUNED_PAIRS
    if (this.#pairs.source.length > 2 * PRUNED_PAIRS) this.#pairs.shrink()
    return taken
  }

  #prune(): void {
    const { source, target, count } = this.#pairs
    const kept = new Uint8Array(count)
    this.#markListed(source, target, kept)
    this.#markListed(target, source, kept)
    this.#pairs.keep((at) => kept[at] === 1)
    this.#pruneAt = this.#pairs.count + PRUNED_PAIRS
  }

  /** Marks the pairs that are among the best of their owner. */
  #markListed(owners: Uint32Array, others: Uint32Array, kept: Uint8Array): void {
    const { similarity, count } = this.#pairs
    // A counting sort.
    const used = owners.subarray(0, count)
    const first = used.reduce((least, owner) => Math.min(least, owner), Infinity)
    const last = used.reduce((most, owner) => Math.max(most, owner), 0)
    const starts = new Uint32Array(last - first + 2)
    for (const owner of used) starts[owner - first + 1]!++
    for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!
    const next = starts.slice()
    const order = new Uint32Array(count)
    used.forEach((owner, at) => (order[next[owner - first]!++] = at))
    for (let i = 0; i + 1 < starts.length; i++) {
      const own = order.subarray(starts[i], starts[i + 1])
      if (own.length > this.#listLength)
        own.sort((a, b) => listOrder(similarity[a]!, others[a]!, similarity[b]!, others[b]!))
      for (const at of own.subarray(0, this.#listLength)) kept[at] = 1
    }
  }
}
