import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { EmbeddingBatch } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import {
  chooseEngine,
  Gallery,
  gatherGallery,
  searchNeighbors,
  type Engine,
  type SearchOptions,
} from '../src/index.js'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { findEdges, galleryOf } from './find-edges.js'

// FAISS's threads wait busily for one another, which takes seconds where other tests run beside them.
process.env.OMP_NUM_THREADS ??= '1'

const faiss = await chooseEngine('faiss').then(
  () => true,
  () => false,
)
const ENGINES: Engine[] = faiss ? ['screened', 'tiles', 'faiss'] : ['screened', 'tiles']
if (!faiss && process.env.CI) throw new Error('CI builds faiss-node: run tools/build-faiss-node.mjs')

async function search(rows: readonly Float32Array[], dim: number, options: SearchOptions): Promise<string[]> {
  return findEdges(galleryOf(rows, dim), options)
}

describe.each(ENGINES)('searchNeighbors with %s', (engine) => {
  it('finds what brute force in float64 finds, on random cases', async () => {
    const random = seededRandom(11)
    for (let round = 0; round < 40; round++) {
      const dim = 2 + Math.floor(random() * 70)
      const rows = normalRows(random, 1 + Math.floor(random() * 150), dim, { perIdentity: 6, spread: 0.5 })
      const threshold = [-1, 0, 0.3, 0.7, 0.9][round % 5]!
      const topK = [1, 2, 5, 20, 1000][Math.floor(random() * 5)]!
      const found = await search(rows, dim, { engine, threshold, topK })
      expect(found, `round ${round}, threshold ${threshold}, topK ${topK}`).toEqual(
        bruteForceEdges(rows, threshold, topK),
      )
    }
  })

  it('spans several tiles and chunks', async () => {
    const rows = normalRows(seededRandom(5), 5000, 24, { perIdentity: 5, spread: 0.3 })
    const found = await search(rows, 24, { engine, threshold: 0.8, topK: 4 })
    expect(found).toEqual(bruteForceEdges(rows, 0.8, 4))
    expect(found.length).toBeGreaterThan(3000)
  })

  it('lists an edge if either end has the other among its topK, itself counted', async () => {
    // Row 0 has 1 as its nearest, 1 has 2, 2 has 1: with topK 2 there is room for one neighbor each.
    const rows = [
      [1, 0.3],
      [1, 0.1],
      [1, 0.05],
    ].map((row) => Float32Array.from(row))
    expect(await search(rows, 2, { engine, threshold: 0.5, topK: 2 })).toEqual(['0-1', '1-2'])
    expect(await search(rows, 2, { engine, threshold: 0.5, topK: 1 })).toEqual([])
    expect(await search(rows, 2, { engine, threshold: 0.5, topK: 3 })).toEqual(['0-1', '0-2', '1-2'])
  })

  it('gives ties at the end of a list to the smaller rows', async () => {
    const rows = Array.from({ length: 60 }, () => Float32Array.of(3, 4, 0))
    expect(await search(rows, 3, { engine, threshold: 1, topK: 3 })).toEqual(bruteForceEdges(rows, 1, 3))
    const all = await search(rows, 3, { engine, threshold: 1, topK: 60 })
    expect(all.length).toBe((60 * 59) / 2)
  })

  it('finds identical rows at threshold 1, whatever their length', async () => {
    const random = seededRandom(3)
    const row = Float32Array.from({ length: 515 }, () => random() - 0.5)
    const rows = [row, row.map((value) => value * 1e-12), row.slice(), row.map((value) => value * 1e15)]
    const exact = await search([row, row.slice()], 515, { engine, threshold: 1, topK: 10 })
    expect(exact).toEqual(['0-1'])
    const scaled = await search(rows, 515, { engine, threshold: 0.999999, topK: 10 })
    expect(scaled.length).toBe(6)
  })

  it('gives zero vectors cosine 0 with everything', async () => {
    const rows = [Float32Array.of(0, 0), Float32Array.of(1, 0), Float32Array.of(0, 0)]
    expect(galleryOf(rows, 2).survey.zeroRows).toEqual({ count: 2, first: 0 })
    expect(galleryOf(rows.slice(1, 2), 2).survey.zeroRows.count).toBe(0)
    expect(await search(rows, 2, { engine, threshold: 0.1, topK: 3 })).toEqual([])
    expect(await search(rows, 2, { engine, threshold: 0, topK: 3 })).toEqual(['0-1', '0-2', '1-2'])
  })

  it('leaves rows with NaN or infinity out, and they crowd nobody out of a topK', async () => {
    const bad = [Float32Array.of(NaN, 1), Float32Array.of(Infinity, 1)]
    const rows = [...bad, Float32Array.of(1, 0), Float32Array.of(-1, 0), ...bad]
    expect([...galleryOf(rows, 2).survey.unusableRows()]).toEqual([0, 1, 4, 5])
    expect(await search(rows, 2, { engine, threshold: -1, topK: 2 })).toEqual(['2-3'])
  })

  it.each([0, 1, 2])('takes a gallery of %i rows', async (n) => {
    const rows = Array.from({ length: n }, () => Float32Array.of(1, 1, 1))
    expect(await search(rows, 3, { engine, threshold: 0.5, topK: 100 })).toEqual(n === 2 ? ['0-1'] : [])
  })

  it('keeps every pair with topK Infinity', async () => {
    const rows = normalRows(seededRandom(6), 150, 8, { perIdentity: 50, spread: 0.4 })
    const found = await search(rows, 8, { engine, threshold: 0.5, topK: Infinity })
    expect(found).toEqual(bruteForceEdges(rows, 0.5, 1000))
  })

  it('tells of every pair as it is decided', async () => {
    const rows = normalRows(seededRandom(9), 700, 16, { perIdentity: 5, spread: 0.4 })
    const seen: number[] = []
    const onProgress = (done: number, pairs: number) => {
      expect(pairs).toBe((700 * 699) / 2)
      seen.push(done)
    }
    await search(rows, 16, { engine, threshold: 0.9, topK: 10, onProgress })
    expect(seen.at(-1)).toBe((700 * 699) / 2)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })

  it('ends its threads when the consumer leaves early', async () => {
    const rows = normalRows(seededRandom(8), 6000, 16, { perIdentity: 3, spread: 0.1 })
    const stream = searchNeighbors(galleryOf(rows, 16), { engine, threshold: 0.9, topK: 10, threads: 1 })
    for await (const _batch of stream) break
    expect(stream.destroyed).toBe(true)
  })
})

describe('gatherGallery', () => {
  const batch = (start: number, rows: number, dim: number): EmbeddingBatch => ({
    indices: Uint32Array.from({ length: rows }, (_, i) => start + i),
    paths: Array.from({ length: rows }, (_, i) => `${start + i}.jpg`),
    embeddings: new Float32Array(rows * dim).fill(2),
    dim,
    normalized: false,
  })

  it('stores rows and their lengths', async () => {
    const gallery = new Gallery(3, 4)
    await pipeline(Readable.from([batch(0, 2, 4), batch(2, 1, 4)]), gatherGallery(gallery))
    const { floats } = gallery.finish()
    const [values, lengths] = [new Float32Array(12).fill(2), Float64Array.of(4, 4, 4)]
    expect(floats).toEqual({ kind: 'memory', values, lengths })
  })

  it.each([
    ['too many rows', [batch(0, 4, 4)]],
    ['too few rows', [batch(0, 2, 4)]],
    ['another dim', [batch(0, 3, 5)]],
  ])('refuses %s', async (_case, batches) => {
    await expect(pipeline(Readable.from(batches), gatherGallery(new Gallery(3, 4)))).rejects.toMatchObject({
      code: 'GALLERY_SHAPE',
    })
  })
})

describe('options', () => {
  it('are checked at construction', () => {
    const gallery = new Gallery(1, 1)
    gallery.add(Float32Array.of(1))
    const options = { engine: 'tiles', threshold: 0.5, topK: 10 } as const
    expect(() => searchNeighbors(gallery, { ...options, topK: 0 })).toThrow('topK')
    expect(() => searchNeighbors(gallery, { ...options, threshold: 1.5 })).toThrow('threshold')
    // As from JavaScript, where no type says what there is.
    const engine = 'flat' as unknown as Engine
    expect(() => searchNeighbors(gallery, { ...options, engine })).toThrow('one of screened, tiles, faiss')
  })
})
