import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { UnionFind } from '../src/index.js'
import { components, type Edge } from './reference.js'

describe('UnionFind', () => {
  it('finds the smallest row of each component, after every union', () => {
    const random = seededRandom(31)
    for (let round = 0; round < rounds(60, 3000); round++) {
      const rows = 1 + Math.floor(random() * 30)
      const all = Array.from({ length: rows }, (_, row) => row)
      const unions = new UnionFind(rows)
      const edges: Edge[] = []
      for (let i = 0; i < rows; i++) {
        const edge: Edge = [Math.floor(random() * rows), Math.floor(random() * rows), 1]
        edges.push(edge)
        unions.union(edge[0], edge[1])
        const smallest = new Map(
          components(all, edges).flatMap((members) => members.map((row) => [row, members[0]!] as const)),
        )
        expect(all.map((row) => unions.find(row))).toEqual(all.map((row) => smallest.get(row)))
      }
    }
  })

  it('is quick on long chains, whichever way they are linked', () => {
    const rows = 200_000
    const up = new UnionFind(rows)
    const down = new UnionFind(rows)
    for (let row = 1; row < rows; row++) up.union(row - 1, row)
    for (let row = rows - 1; row > 0; row--) down.union(row, row - 1)
    for (const unions of [up, down]) {
      for (let row = 0; row < rows; row++) if (unions.find(row) !== 0) throw new Error(`row ${row}`)
    }
  })

  it('leaves a row joined with itself alone', () => {
    const unions = new UnionFind(2)
    unions.union(1, 1)
    expect([unions.find(0), unions.find(1)]).toEqual([0, 1])
  })
})
