import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { PairBuffer } from '../src/pair-buffer.js'

describe('PairBuffer', () => {
  it('keeps what is among the best of either end, and little else', () => {
    const random = seededRandom(8)
    const [sources, targets, listLength] = [1500, 300, 7]
    const pairs = Array.from({ length: sources * targets }, (_, at) => ({
      source: Math.floor(at / targets),
      target: sources + (at % targets),
      // Few values, so that many tie.
      similarity: Math.fround(Math.floor(10 * random()) / 10),
    }))
    const buffer = new PairBuffer(listLength)
    for (const { source, target, similarity } of pairs) buffer.add(source, target, similarity)
    const taken = buffer.take()
    const keyOf = (source: number, target: number, similarity: number) => `${source}-${target}:${similarity}`
    const kept = new Set(
      Array.from(taken.source, (source, i) => keyOf(source, taken.target[i]!, taken.similarity[i]!)),
    )
    expect(kept.size).toBe(taken.source.length)

    const needed = new Set<string>()
    for (const [end, other] of [
      ['source', 'target'],
      ['target', 'source'],
    ] as const) {
      const lists = new Map<number, typeof pairs>()
      for (const pair of pairs) {
        const list = lists.get(pair[end]) ?? []
        list.push(pair)
        lists.set(pair[end], list)
      }
      for (const own of lists.values()) {
        own.sort((a, b) => b.similarity - a.similarity || a[other] - b[other])
        for (const { source, target, similarity } of own.slice(0, listLength))
          needed.add(keyOf(source, target, similarity))
      }
    }
    expect([...needed].filter((key) => !kept.has(key))).toEqual([])
    expect(kept.size).toBeLessThan(needed.size + 2 ** 18)
    expect(kept.size).toBeLessThan(pairs.length / 2 + 2 ** 18)
    expect(buffer.take().source).toHaveLength(0)
  })

  it('keeps all where every pair counts', () => {
    const buffer = new PairBuffer()
    for (let i = 0; i < 300_000; i++) buffer.add(i % 1000, 1000 + Math.floor(i / 1000), 0.5)
    expect(buffer.take().source).toHaveLength(300_000)
  })
})
