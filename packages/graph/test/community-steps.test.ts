import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { polish, smooth } from '../src/index.js'
import { adjacencyOf, bruteForceEdges, faces, readerOf } from './communities-reference.js'
import type { Edge } from './reference.js'

const DIM = 32

/** Faces as float64 rows, the same for the functions, and edges between them. */
function madeUp(people: number, each: number, seed: number) {
  const { values, persons } = faces(people, each, DIM, 0.45 + 0.2 * seededRandom(seed)(), seed)
  const embeddings = readerOf(values, DIM)
  const rows = Array.from(persons, (_, row) => [...values.subarray(row * DIM, (row + 1) * DIM)])
  return { embeddings, rows, persons, edges: bruteForceEdges({ values, dim: DIM }, 0.3) }
}

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, k) => sum + value * b[k]!, 0)
const cosine = (a: readonly number[], b: readonly number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
const sum = (rows: readonly number[][]) =>
  rows[0]!.map((_, k) => rows.reduce((total, row) => total + row[k]!, 0))

describe('smoothing', () => {
  it('keeps the edges between rows that are alike with their neighbors', async () => {
    let gone = 0
    for (let round = 0; round < rounds(10, 200); round++) {
      const { embeddings, rows, edges } = madeUp(8, 8, 80 + round)
      const smoothed = rows.map((row, i) =>
        sum([
          row,
          ...edges
            .filter(([a, b]) => a === i || b === i)
            .map(([a, b, weight]) => rows[a === i ? b : a]!.map((value) => weight ** 4 * value)),
        ]),
      )
      const expected = edges
        .map(([a, b, weight]) => ({ edge: [a, b, weight], alike: cosine(smoothed[a]!, smoothed[b]!) }))
        // What rounding may decide is left to it.
        .filter(({ alike }) => Math.abs(alike - 0.7) > 1e-5)
      const graph = await smooth(await adjacencyOf(rows.length, edges), embeddings)
      const found = new Set<string>()
      for (const { start, end, base, neighbors, weights } of graph.blocks(7))
        for (let row = start; row < end; row++)
          for (let at = graph.offsets[row]! - base; at < graph.offsets[row + 1]! - base; at++)
            found.add(`${row} ${neighbors[at]} ${weights[at]}`)
      for (const { edge, alike } of expected) {
        const [a, b, weight] = edge
        expect(found.has(`${a} ${b} ${weight}`)).toBe(alike >= 0.7)
        expect(found.has(`${b} ${a} ${weight}`)).toBe(alike >= 0.7)
        gone += Number(alike < 0.7)
      }
    }
    expect(gone).toBeGreaterThan(100)
  })
})

/** As its docstring says, without care for speed. */
function polishPlainly(
  rows: readonly number[][],
  edges: readonly Edge[],
  modules: readonly number[],
): number[] {
  let current = [...modules]
  for (let round = 0; round < 3; round++) {
    const sizeOf = (module: number) => current.filter((other) => other === module).length
    let alone = rows.length
    current = numbered(
      rows.map((row, i) => {
        const own = current[i]!
        const near = edges.filter(([a, b]) => a === i || b === i).map(([a, b]) => current[a === i ? b : a]!)
        const ranked = [...new Set([own, ...near])]
          .filter((module) => module !== own || sizeOf(own) > 1)
          .map((module) => {
            const others = rows.filter((_, j) => j !== i && current[j] === module)
            return { module, likeness: cosine(row, sum(others)) + (module === own ? 0.02 : 0) }
          })
          .sort((p, q) => q.likeness - p.likeness || p.module - q.module)
        const [best] = ranked
        if (!best || best.likeness < 0.52) return sizeOf(own) === 1 ? own : alone++
        return sizeOf(best.module) === 1 ? Math.min(best.module, own) : best.module
      }),
    )
  }
  return current
}

/** In the order of their first rows. */
function numbered(modules: readonly number[]): number[] {
  const numbers = new Map<number, number>()
  return modules.map((module) => {
    if (!numbers.has(module)) numbers.set(module, numbers.size)
    return numbers.get(module)!
  })
}

describe('polishing', () => {
  it('puts rows where they are nearest, without themselves', async () => {
    const random = seededRandom(90)
    let moved = 0
    for (let round = 0; round < rounds(30, 600); round++) {
      const { embeddings, rows, persons, edges } = madeUp(6, 7, 100 + round)
      // Persons with some rows elsewhere and some by themselves.
      const modules = numbered(
        Array.from(persons, (person, row) =>
          random() < 0.2 ? Math.floor(random() * 6) : random() < 0.3 ? 100 + row : person,
        ),
      )
      const graph = await adjacencyOf(rows.length, edges)
      const found = [...(await polish(graph, embeddings, Int32Array.from(modules)))]
      expect(found, `round ${round}`).toEqual(polishPlainly(rows, edges, modules))
      moved += found.filter((module, row) => module !== modules[row]).length
    }
    expect(moved).toBeGreaterThan(100)
  })

  it('leaves a row alone that is like none', async () => {
    const values = Float32Array.of(1, 0, 0.9, 0.1, 0, 1)
    const embeddings = readerOf(values, 2)
    const graph = await adjacencyOf(3, [
      [0, 1, 0.9],
      [1, 2, 0.4],
    ])
    expect([...(await polish(graph, embeddings, Int32Array.of(5, 5, 5)))]).toEqual([0, 0, 1])
  })
})
