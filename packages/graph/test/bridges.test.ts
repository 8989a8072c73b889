import type { EdgeBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { findBridges } from '../src/index.js'

type Edge = [source: number, target: number, similarity: number]

async function* inBatches(edges: readonly Edge[]): AsyncGenerator<EdgeBatch> {
  for (let at = 0; at < edges.length; at += 3) {
    const some = edges.slice(at, at + 3)
    yield {
      source: Uint32Array.from(some, ([source]) => source),
      target: Uint32Array.from(some, ([, target]) => target),
      similarity: Float32Array.from(some, ([, , similarity]) => similarity),
    }
  }
}

/** All pairs of some rows. */
function clique(first: number, rows: number, similarity = 0.8): Edge[] {
  const edges: Edge[] = []
  for (let a = first; a < first + rows; a++)
    for (let b = a + 1; b < first + rows; b++) edges.push([a, b, similarity])
  return edges
}

const ofOneClass = (rows: number) => new Int32Array(rows)

describe('findBridges', () => {
  it('finds the edge that joins two persons, with the rows of both', async () => {
    const edges: Edge[] = [...clique(0, 5), ...clique(5, 4), [3, 7, 0.71]]
    const options = { classOf: ofOneClass(9), edges: inBatches(edges), leastHalf: 3, most: 12 }
    const { classes, bridges } = await findBridges(options)
    expect(classes).toBe(1)
    expect(bridges).toHaveLength(1)
    const { source, target, similarity, ofClass, halves } = bridges[0]!
    expect([source, target, similarity, ofClass]).toEqual([3, 7, Math.fround(0.71), 1])
    expect(halves.map((rows) => [...rows].sort())).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8],
    ])
  })

  it('finds none where two edges join them, nor in a half that is small', async () => {
    const twice: Edge[] = [...clique(0, 5), ...clique(5, 4), [3, 7, 0.71], [2, 8, 0.72]]
    const small: Edge[] = [...clique(0, 7), [6, 7, 0.7], [7, 8, 0.7]]
    for (const edges of [twice, small]) {
      const options = { classOf: ofOneClass(9), edges: inBatches(edges), leastHalf: 3, most: 12 }
      expect(await findBridges(options)).toEqual({ classes: 0, bridges: [] })
    }
  })

  it('takes no notice of edges between classes and of rows that are in none', async () => {
    const edges: Edge[] = [...clique(0, 4), ...clique(4, 4), [3, 4, 0.7]]
    for (const classOf of [
      Int32Array.of(0, 0, 0, 0, 1, 1, 1, 1),
      Int32Array.of(0, 0, 0, 0, -1, -1, -1, -1),
    ]) {
      const options = { classOf, edges: inBatches(edges), leastHalf: 3, most: 12 }
      expect((await findBridges(options)).bridges).toEqual([])
    }
  })

  it('goes deeper than a stack does', async () => {
    const rows = 200_000
    const chain = Array.from({ length: rows - 1 }, (_, row): Edge => [row, row + 1, 0.7])
    const options = { classOf: ofOneClass(rows), edges: inBatches(chain), leastHalf: 3, most: 1 }
    const [bridge] = (await findBridges(options)).bridges
    expect(bridge!.halves.map(({ length }) => length)).toEqual([rows / 2, rows / 2])
    expect(bridge!.ofClass).toBe(rows - 5)
  })

  it.each(Array.from({ length: rounds(20, 2000) }, (_, seed) => seed))(
    'finds what taking out every edge in turn does: graph %i',
    async (seed) => {
      const random = seededRandom(seed + 1)
      const rows = 4 + Math.floor(random() * 20)
      const classOf = Int32Array.from({ length: rows }, () => Math.floor(random() * 2.5) - 1)
      const edges: Edge[] = []
      for (let a = 0; a < rows; a++)
        for (let b = a + 1; b < rows; b++)
          if (random() < 2.2 / rows) edges.push([a, b, Math.fround(random())])
      edges.sort(() => random() - 0.5)
      const leastHalf = 1 + Math.floor(random() * 3)

      const { bridges } = await findBridges({ classOf, edges: inBatches(edges), leastHalf, most: 99 })
      const expected = bridgesByBruteForce(classOf, edges, leastHalf)
      expect(bridges.map((bridge) => [bridge.class, bridge.ofClass]).sort()).toEqual(
        [...expected].map(([number, { count }]) => [number, count]).sort(),
      )
      for (const { class: number, source, target, halves } of bridges) {
        expect(Math.min(...halves.map(({ length }) => length))).toBe(expected.get(number)!.half)
        expect(halves[0]).toContain(source)
        expect(halves[1]).toContain(target)
        const without = edges.filter((edge) => !(edge[0] === source && edge[1] === target))
        expect([...halves[0]].sort()).toEqual(reached(source, classOf, without).sort())
        expect([...halves[1]].sort()).toEqual(reached(target, classOf, without).sort())
      }
    },
  )
})

function bridgesByBruteForce(classOf: Int32Array, edges: readonly Edge[], leastHalf: number) {
  const found = new Map<number, { count: number; half: number }>()
  for (const [source, target] of edges) {
    const number = classOf[source]!
    if (number < 0 || number !== classOf[target]) continue
    const without = edges.filter((edge) => !(edge[0] === source && edge[1] === target))
    const half = reached(source, classOf, without)
    if (half.includes(target)) continue
    const smaller = Math.min(half.length, reached(target, classOf, without).length)
    if (smaller < leastHalf) continue
    const { count, half: best } = found.get(number) ?? { count: 0, half: 0 }
    found.set(number, { count: count + 1, half: Math.max(best, smaller) })
  }
  return found
}

function reached(from: number, classOf: Int32Array, edges: readonly Edge[]): number[] {
  const seen = new Set([from])
  for (const row of seen)
    for (const [a, b] of edges) {
      if (classOf[a] !== classOf[b]) continue
      if (a === row) seen.add(b)
      if (b === row) seen.add(a)
    }
  return [...seen]
}
