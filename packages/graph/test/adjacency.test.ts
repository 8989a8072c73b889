import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import type { Adjacency } from '../src/communities/adjacency.js'
import { buildAdjacency } from '../src/communities/build-adjacency.js'
import { adjacencyOf, again, randomGraph } from './communities-reference.js'
import type { Edge } from './reference.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-adjacency-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The neighbors and weights of each row. */
function listsOf(graph: Adjacency, mostRows: number): [neighbor: number, weight: number][][] {
  const lists: [number, number][][] = []
  for (const { start, end, base, neighbors, weights } of graph.blocks(mostRows)) {
    expect(start).toBe(lists.length)
    expect(end - start).toBeLessThanOrEqual(mostRows)
    for (let row = start; row < end; row++) {
      const [first, last] = [graph.offsets[row]! - base, graph.offsets[row + 1]! - base]
      lists.push([...neighbors.subarray(first, last)].map((neighbor, i) => [neighbor, weights[first + i]!]))
    }
  }
  return lists
}

describe('a graph', () => {
  it('has every edge at both rows, ascending, in memory or in files', async () => {
    const random = seededRandom(41)
    for (let round = 0; round < rounds(60, 1500); round++) {
      const rows = 1 + Math.floor(random() * 40)
      const edges = randomGraph(rows, random(), random)
      const stays = Uint8Array.from({ length: rows }, () => Number(random() < 0.9))
      const threshold = random()
      const expected = Array.from({ length: rows }, (_, row) =>
        edges
          .filter(([a, b, cosine]) => cosine >= Math.fround(threshold) && stays[a] && stays[b])
          .flatMap(([a, b, cosine]): [number, number][] =>
            a === row ? [[b, cosine]] : b === row ? [[a, cosine]] : [],
          )
          .sort(([a], [b]) => a - b),
      )
      for (const bytes of [Infinity, 1, 100, 1000]) {
        const room = { bytes, folder }
        const graph = await buildAdjacency({ rows, edges: again(edges, 9, round), stays, threshold, room })
        expect(listsOf(graph, 1 + Math.floor(random() * rows))).toEqual(expected)
        graph.remove()
        expect(readdirSync(folder)).toEqual([])
      }
    }
  })

  it('has no edge that is no weight', async () => {
    const edges: Edge[] = [
      [0, 1, -0.5],
      [0, 2, 0],
      [1, 2, 0.25],
    ]
    expect(listsOf(await adjacencyOf(3, edges), 3)).toEqual([[], [[2, 0.25]], [[1, 0.25]]])
  })

  it.each<[string, Edge[]]>([
    [
      'sources out of order',
      [
        [1, 2, 0.9],
        [0, 1, 0.9],
      ],
    ],
    [
      'targets out of order',
      [
        [0, 2, 0.9],
        [0, 1, 0.9],
      ],
    ],
    [
      'an edge twice',
      [
        [0, 2, 0.9],
        [0, 2, 0.9],
      ],
    ],
    ['a larger source', [[2, 1, 0.9]]],
    ['a loop', [[1, 1, 1]]],
    ['a row out of range', [[1, 3, 1]]],
    ['a similarity that is NaN', [[1, 2, NaN]]],
  ])('is refused of %s', async (_case, edges) => {
    const stays = new Uint8Array(3).fill(1)
    for (const bytes of [Infinity, 1]) {
      const options = { rows: 3, edges: again(edges), stays, threshold: 0.5, room: { bytes, folder } }
      await expect(buildAdjacency(options)).rejects.toMatchObject({ code: 'EDGE' })
    }
    expect(existsSync(folder) && readdirSync(folder)).toEqual([])
  })

  it('leaves no files behind when edges fail the second time', async () => {
    const edges: Edge[] = [
      [0, 1, 0.9],
      [1, 2, 0.9],
    ]
    let times = 0
    const failing = async function* () {
      if (times++ === 2) throw new Error('gone')
      yield* again(edges)()
    }
    const stays = new Uint8Array(3).fill(1)
    const options = { rows: 3, edges: failing, stays, threshold: 0.5, room: { bytes: 1, folder } }
    await expect(buildAdjacency(options)).rejects.toThrow('gone')
    expect(readdirSync(folder)).toEqual([])
  })
})
