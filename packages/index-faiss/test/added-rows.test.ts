import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EdgeBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, expect, it } from 'vitest'
import { regionOfAdded, searchNeighbors, type SearchOptions } from '../src/index.js'
import { pairsInRegion } from '../src/plan/pairs.js'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { DyingCheckpoints } from './dying-checkpoints.js'
import { galleryOf } from './find-edges.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-added-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('edges of rows that came in steps are those of one search', async () => {
  const random = seededRandom(81)
  const below = (end: number) => Math.floor(random() * end)
  for (let round = 0; round < rounds(200, 1000); round++) {
    const rows = 2 + below(round % 20 === 0 ? 2000 : 200)
    const dim = [4, 8, 16][round % 3]!
    const topK = [2, 8, 100, Infinity][round % 4]!
    const threshold = [0.3, 0.6, 0.8][below(3)]!
    const all = normalRows(random, rows, dim, { perIdentity: 1 + below(12), spread: 0.05 + random() / 2 })
    const steps = 1 + below(5)
    const sizes = Array.from({ length: steps }, () => 1 + below(rows)).sort((a, b) => a - b)
    let edges: EdgeBatch[] = []
    let searched = 0
    for (const size of new Set([...sizes, rows])) {
      edges = await search(all.slice(0, size), dim, {
        threshold,
        topK,
        region: regionOfAdded(size, searched),
        known: batchesOf(edges),
        engine: random() < 0.7 ? 'screened' : 'tiles',
        memoryBytes: random() < 0.3 ? 20_000 : 2 ** 28,
      })
      searched = size
    }
    const label = `round ${round}: ${rows} × ${dim}, topK ${topK}, ${threshold}, after ${sizes.join(', ')}`
    expect(linesOf(edges), label).toEqual(linesOf(await search(all, dim, { threshold, topK })))
    const pairs = linesOf(edges).map((line) => line.split(' ', 1)[0]!)
    expect(pairs.sort(), label).toEqual(bruteForceEdges(all, threshold, topK))
  }
})

it('a search of added rows that dies is gone on with, and has the earlier edges then', async () => {
  const random = seededRandom(82)
  const all = normalRows(random, 3000, 16, { perIdentity: 8, spread: 0.3 })
  for (let round = 0; round < rounds(4, 40); round++) {
    const options = { threshold: 0.8, topK: [2, 8, 100, Infinity][round % 4]!, threads: 1 }
    const first = 1 + Math.floor(random() * 2999)
    const known = await search(all.slice(0, first), 16, options)
    const expected = linesOf(await search(all, 16, options))
    let progress: unknown
    for (let lives = 0; ; lives++) {
      const checkpoints = new DyingCheckpoints(progress, Math.floor(random() * 8))
      const edges = await search(all, 16, {
        ...options,
        region: regionOfAdded(3000, first),
        known: batchesOf(known),
        scratchFolder: folder,
        checkpoints,
      }).catch((error: unknown) => {
        if (!String(error).includes('The search stopped')) throw error
        return undefined
      })
      if (edges) {
        expect(linesOf(edges), `round ${round}, after ${lives} deaths`).toEqual(expected)
        break
      }
      progress = checkpoints.recorded
    }
  }
})

it('the region of added rows holds their pairs and no others', () => {
  expect(pairsInRegion(regionOfAdded(10, 7))).toBe(7 + 8 + 9)
  expect(pairsInRegion(regionOfAdded(10, 0))).toBe(45)
  expect(() => regionOfAdded(10, 10)).toThrow(
    'Expected some of 10 rows to be added but received 10 as the first',
  )
})

async function search(
  rows: readonly Float32Array[],
  dim: number,
  options: Pick<SearchOptions, 'threshold' | 'topK'> & Partial<SearchOptions>,
): Promise<EdgeBatch[]> {
  const batches: EdgeBatch[] = []
  const gallery = galleryOf(rows, dim)
  for await (const batch of searchNeighbors(gallery, { threads: 1, ...options }))
    batches.push(batch as EdgeBatch)
  return batches
}

async function* batchesOf(edges: readonly EdgeBatch[]): AsyncGenerator<EdgeBatch> {
  yield* edges
}

function linesOf(batches: readonly EdgeBatch[]): string[] {
  return batches.flatMap(({ source, target, similarity }) =>
    [...source].map((row, i) => `${row}-${target[i]} ${similarity[i]}`),
  )
}
