import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { mapEquation } from '../src/communities/map-equation.js'
import { codeLength } from '../src/index.js'
import { adjacencyOf, randomGraph } from './communities-reference.js'
import { components, shuffled, type Edge } from './reference.js'

/** As the papers define it: codebooks of the modules and one between them, each an entropy times how often it is used. */
function codeLengthByBooks(rows: number, edges: readonly Edge[], modules: ArrayLike<number>): number {
  const visits = new Float64Array(rows)
  const exits = new Map<number, number>()
  let total = 0
  for (const [a, b, weight] of edges) {
    total += 2 * weight
    visits[a]! += weight
    visits[b]! += weight
    if (modules[a] === modules[b]) continue
    for (const end of [a, b]) exits.set(modules[end]!, (exits.get(modules[end]!) ?? 0) + weight)
  }
  const useOf = (counts: number[]) => {
    const sum = counts.reduce((x, y) => x + y, 0)
    const entropy = counts.filter((c) => c > 0).reduce((bits, c) => bits - (c / sum) * Math.log2(c / sum), 0)
    return (sum / total) * entropy
  }
  let bits = useOf([...exits.values()])
  for (const module of new Set(Array.from({ length: rows }, (_, row) => modules[row]!))) {
    const own = [...visits].filter((_, row) => modules[row] === module)
    bits += useOf([...own, exits.get(module) ?? 0])
  }
  return bits
}

function* partitions(rows: number, modules: number[] = []): Generator<number[]> {
  if (modules.length === rows) {
    yield modules
    return
  }
  const next = Math.max(-1, ...modules) + 1
  for (let module = 0; module <= next; module++) yield* partitions(rows, [...modules, module])
}

function componentsOf(rows: number, edges: readonly Edge[]): Int32Array {
  const modules = new Int32Array(rows)
  components(
    Array.from({ length: rows }, (_, row) => row),
    edges,
  ).forEach((members, number) => members.forEach((row) => (modules[row] = number)))
  return modules
}

describe('the length of the code', () => {
  it('is what codebooks take', async () => {
    const random = seededRandom(31)
    for (let round = 0; round < rounds(100, 2000); round++) {
      const rows = 2 + Math.floor(random() * 20)
      const edges = randomGraph(rows, random(), random)
      if (edges.length === 0) continue
      const modules = Int32Array.from({ length: rows }, () => Math.floor(random() * rows))
      const graph = await adjacencyOf(rows, edges)
      expect(codeLength(graph, modules)).toBeCloseTo(codeLengthByBooks(rows, edges, modules), 10)
    }
  })

  it('is the sum of the changes that moves make', async () => {
    const random = seededRandom(32)
    for (let round = 0; round < rounds(50, 1000); round++) {
      const rows = 2 + Math.floor(random() * 300)
      const graph = await adjacencyOf(rows, randomGraph(rows, random() ** 3, random))
      const found = await mapEquation(graph)
      expect(Math.abs(found.codeLength - codeLength(graph, found.modules))).toBeLessThan(1e-9)
    }
  })
})

describe('modules', () => {
  it('are the best there are on nearly all small graphs, and never worse than components', async () => {
    const random = seededRandom(33)
    let best = 0
    const all = rounds(60, 600)
    for (let round = 0; round < all; round++) {
      const rows = 2 + Math.floor(random() * 7)
      const edges = randomGraph(rows, 0.2 + 0.8 * random(), random)
      const graph = await adjacencyOf(rows, edges)
      const { modules } = await mapEquation(graph)
      const length = codeLength(graph, modules)
      let least = Infinity
      for (const other of partitions(rows)) least = Math.min(least, codeLength(graph, Int32Array.from(other)))
      if (length <= least + 1e-9) best++
      expect(length).toBeLessThanOrEqual(codeLength(graph, componentsOf(rows, edges)) + 1e-9)
    }
    expect(best / all).toBeGreaterThanOrEqual(0.95)
  })

  it('are nearly always such that no single row could move and shorten the code', async () => {
    const random = seededRandom(35)
    const all = rounds(40, 400)
    let settled = 0
    for (let round = 0; round < all; round++) {
      const rows = 20 + Math.floor(random() * 60)
      const edges = randomGraph(rows, 0.02 + 0.1 * random(), random)
      const graph = await adjacencyOf(rows, edges)
      const { modules } = await mapEquation(graph)
      const length = codeLength(graph, modules)
      const alone = Math.min(Math.max(...modules) + 1, rows - 1)
      const moves = edges.flatMap(([a, b]) => [
        [a, modules[b]!] as const,
        [b, modules[a]!] as const,
        [a, alone] as const,
      ])
      const shortens = ([row, module]: readonly [number, number]) =>
        codeLength(graph, modules.with(row, module)) < length - 1e-9
      if (!moves.some(shortens)) settled++
    }
    expect(settled / all).toBeGreaterThanOrEqual(0.95)
  })

  it('are cliques that single edges join, whatever order the rows have', async () => {
    const random = seededRandom(34)
    for (let round = 0; round < rounds(20, 300); round++) {
      const order = shuffled(
        Array.from({ length: 60 }, (_, row) => row),
        random,
      )
      const cliqueOf = (row: number) => Math.floor(order[row]! / 6)
      const edges: Edge[] = []
      for (let a = 0; a < 60; a++)
        for (let b = a + 1; b < 60; b++)
          if (cliqueOf(a) === cliqueOf(b) || Math.abs(order[a]! - order[b]!) === 1) edges.push([a, b, 0.75])
      const { modules } = await mapEquation(await adjacencyOf(60, edges))
      const numbers = new Map<number, number>()
      const expected = order.map((_, row) => {
        if (!numbers.has(cliqueOf(row))) numbers.set(cliqueOf(row), numbers.size)
        return numbers.get(cliqueOf(row))!
      })
      expect([...modules]).toEqual(expected)
    }
  })

  it.each<[string, number, Edge[], number[]]>([
    ['no rows', 0, [], []],
    ['no edges', 3, [], [0, 1, 2]],
    ['two rows', 2, [[0, 1, 0.5]], [0, 0]],
    ['two rows that are the same', 2, [[0, 1, 1]], [0, 0]],
    ['a row by itself', 3, [[0, 2, 1]], [0, 1, 0]],
    [
      'weights of 1',
      6,
      [
        [0, 1, 1],
        [0, 2, 1],
        [1, 2, 1],
        [2, 3, 1],
        [3, 4, 1],
        [3, 5, 1],
        [4, 5, 1],
      ],
      [0, 0, 0, 1, 1, 1],
    ],
  ])('of %s', async (_case, rows, edges, expected) => {
    expect([...(await mapEquation(await adjacencyOf(rows, edges))).modules]).toEqual(expected)
  })

  it('are stopped by a signal', async () => {
    const reason = new Error('stopped')
    const graph = await adjacencyOf(2, [[0, 1, 0.5]])
    await expect(mapEquation(graph, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
