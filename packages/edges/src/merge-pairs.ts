import type { EdgeBatch } from '@facekit/core'
import { BLOCK_EDGES } from './blocks.js'
import { firstOf } from './sort-pairs.js'

/** Sorted pairs that are opened when their turn comes. */
export interface PairSource {
  /** The first pair. */
  first: { source: number; target: number }
  read: () => AsyncIterable<EdgeBatch>
}

const NO_BOUND = { source: Infinity, target: Infinity }

/** Pairs of several sources, ascending by (source, target), each once. */
export async function* mergePairs(sources: readonly PairSource[]): AsyncGenerator<EdgeBatch> {
  const waiting = sources.toSorted(
    (a, b) => a.first.source - b.first.source || a.first.target - b.first.target,
  )
  const open: Cursor[] = []
  let out = emptyBlock()
  let filled = 0
  try {
    for (;;) {
      let least = leastOf(open)
      while (waiting.length > 0 && (!least || !least.isBefore(waiting[0]!.first))) {
        const cursor = await Cursor.open(waiting.shift()!)
        if (cursor) open.push(cursor)
        least = leastOf(open)
      }
      if (!least) break
      const others = open.filter((cursor) => cursor !== least)
      // All of it up to where another one comes first.
      const next = leastOf(others)
      const bound =
        next && (!waiting[0] || next.isBefore(waiting[0].first)) ? next.pair : (waiting[0]?.first ?? NO_BOUND)
      while (!least.isDone && least.isBefore(bound)) {
        filled = least.copyUpTo(bound, out, filled)
        if (filled === BLOCK_EDGES) {
          yield out
          out = emptyBlock()
          filled = 0
        }
        await least.fill()
      }
      // The same pair again.
      if (!least.isDone && next && !least.isBefore(next.pair) && !next.isBefore(least.pair)) await next.skip()
      if (least.isDone) open.splice(open.indexOf(least), 1)
      for (const cursor of open.filter(({ isDone }) => isDone)) open.splice(open.indexOf(cursor), 1)
    }
    if (filled > 0) yield firstOf(out, filled)
  } finally {
    for (const cursor of open) await cursor.close()
  }
}

function leastOf(cursors: readonly Cursor[]): Cursor | undefined {
  let least: Cursor | undefined
  for (const cursor of cursors) if (!least || cursor.isBefore(least.pair)) least = cursor
  return least
}

function emptyBlock(): EdgeBatch {
  return {
    source: new Uint32Array(BLOCK_EDGES),
    target: new Uint32Array(BLOCK_EDGES),
    similarity: new Float32Array(BLOCK_EDGES),
  }
}

/** A place in a source. */
class Cursor {
  readonly #batches: AsyncIterator<EdgeBatch>
  #batch: EdgeBatch
  #at = 0
  isDone = false

  private constructor(batches: AsyncIterator<EdgeBatch>, batch: EdgeBatch) {
    this.#batches = batches
    this.#batch = batch
  }

  /** @returns undefined for one without pairs */
  static async open({ read }: PairSource): Promise<Cursor | undefined> {
    const batches = read()[Symbol.asyncIterator]()
    const first = await batches.next()
    if (first.done) return undefined
    const cursor = new Cursor(batches, first.value)
    await cursor.fill()
    return cursor.isDone ? undefined : cursor
  }

  get pair(): { source: number; target: number } {
    return { source: this.#batch.source[this.#at]!, target: this.#batch.target[this.#at]! }
  }

  isBefore({ source, target }: { source: number; target: number }): boolean {
    const own = this.#batch.source[this.#at]!
    return own < source || (own === source && this.#batch.target[this.#at]! < target)
  }

  /** Copies pairs of this batch that come before `bound` as far as there is room. @returns how many are in `out` */
  copyUpTo(bound: { source: number; target: number }, out: EdgeBatch, filled: number): number {
    const { source, target, similarity } = this.#batch
    let to = filled
    let at = this.#at
    for (; at < source.length && to < out.source.length; at++, to++) {
      const own = source[at]!
      if (own > bound.source || (own === bound.source && target[at]! >= bound.target)) break
      out.source[to] = own
      out.target[to] = target[at]!
      out.similarity[to] = similarity[at]!
    }
    this.#at = at
    return to
  }

  async skip(): Promise<void> {
    this.#at++
    await this.fill()
  }

  /** Sees to it that there is a pair, or that it is done. */
  async fill(): Promise<void> {
    while (!this.isDone && this.#at === this.#batch.source.length) {
      const next = await this.#batches.next()
      this.#at = 0
      if (next.done) this.isDone = true
      else this.#batch = next.value
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}
