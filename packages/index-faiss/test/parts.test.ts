import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EdgeBatch } from '@facekit/core'
import { EdgeCollector } from '@facekit/edges'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { regionOfPart, searchNeighbors, type SearchOptions } from '../src/index.js'
import { pairsInRegion } from '../src/plan/pairs.js'
import { normalRows } from './brute-force.js'
import { galleryOf } from './find-edges.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-parts-'))
afterAll(() => rmSync(folder, { recursive: true }))

const pairsOfAll = (rows: number) => (rows * (rows - 1)) / 2

describe('parts', () => {
  it('hold each pair once', () => {
    const random = seededRandom(71)
    for (let round = 0; round < rounds(30, 300); round++) {
      const rows = 2 + Math.floor(random() * 3000)
      const of = [1, 2, 3, 7, 64][round % 5]!
      const seen = new Uint8Array(rows * rows)
      for (let number = 0; number < of; number++)
        for (const strip of regionOfPart(rows, { number, of }).strips)
          for (let a = strip.firstSource; a < strip.endSource; a++)
            for (let b = Math.max(a + 1, strip.firstTarget); b < strip.endTarget; b++) seen[a * rows + b]!++
      let wrong = 0
      for (let a = 0; a < rows; a++)
        for (let b = 0; b < rows; b++) if (seen[a * rows + b] !== Number(a < b)) wrong++
      expect(wrong, `${rows} rows in ${of} parts`).toBe(0)
    }
  })

  it.each([65_536, 100_000, 1_000_000, 127_000_000, 2 ** 31 - 1])(
    'of %i rows differ by less than 5 % from the mean, and together are all pairs',
    (rows) => {
      for (const of of [2, 7, 64, 1000].filter((count) => pairsOfAll(rows) / count > 1e7)) {
        const pairs = Array.from({ length: of }, (_, number) =>
          pairsInRegion(regionOfPart(rows, { number, of })),
        )
        const mean = pairsOfAll(rows) / of
        expect(Math.max(...pairs.map((own) => Math.abs(own / mean - 1)))).toBeLessThan(0.05)
        expect(pairs.reduce((sum, own) => sum + own, 0) / pairsOfAll(rows)).toBeCloseTo(1, 9)
      }
    },
  )

  it('are selected by their own lists, and together give the edges of the whole', async () => {
    const random = seededRandom(72)
    const rows = normalRows(random, 2500, 16, { perIdentity: 12, spread: 0.2 })
    const gallery = galleryOf(rows, 16)
    const search = async (options: Partial<SearchOptions>) => {
      const batches: EdgeBatch[] = []
      for await (const batch of searchNeighbors(gallery, { threshold: 0.8, topK: 2, threads: 1, ...options }))
        batches.push(batch)
      return batches
    }
    for (const topK of [2, 8, 100, Infinity]) {
      const whole = linesOf(await search({ topK }))
      for (const of of [2, 7, 64]) {
        const listLength = Math.min(topK, rows.length) - 1
        const cutoffs = new Float32Array(rows.length).fill(-Infinity)
        const collector = new EdgeCollector({
          rows: rows.length,
          listLength,
          cutoffs,
          memoryBytes: 2 ** 20,
          folder,
        })
        const found = new Set<string>()
        for (const number of shuffled(of, random)) {
          const region = regionOfPart(rows.length, { number, of })
          const engine = random() < 0.5 ? 'screened' : 'tiles'
          const edges = await search({ topK, engine, region })
          expect(linesOf(await search({ topK, region, threads: 2 }))).toEqual(linesOf(edges))
          for (const batch of edges) await collector.add(batch)
          for (const line of linesOf(edges)) {
            expect(found.has(line)).toBe(false)
            found.add(line)
          }
        }
        const merged: EdgeBatch[] = []
        for await (const batch of collector.edges()) merged.push(batch)
        await collector.close(false)
        expect(linesOf(merged), `topK ${topK}, ${of} parts`).toEqual(whole)
      }
    }
  })

  it('are none of FAISS', () => {
    const gallery = galleryOf([Float32Array.of(1), Float32Array.of(1)], 1)
    const region = regionOfPart(2, { number: 0, of: 2 })
    expect(() => searchNeighbors(gallery, { threshold: 0.5, topK: 2, engine: 'faiss', region })).toThrow(
      'Expected the engine screened or tiles for a region but received faiss',
    )
  })
})

function linesOf(batches: readonly EdgeBatch[]): string[] {
  return batches.flatMap(({ source, target, similarity }) =>
    [...source].map((row, i) => `${row}-${target[i]} ${similarity[i]}`),
  )
}

function shuffled(count: number, random: () => number): number[] {
  return Array.from({ length: count }, (_, number) => ({ number, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ number }) => number)
}
