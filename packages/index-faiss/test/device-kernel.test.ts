import { CODE_RANGES, FULL_RANGE, type CodeRange } from '@facekit/devices'
import { seededRandom } from '@facekit/testing'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createFloatProduct } from '../src/float-product.js'
import { CodeTiles } from '../src/gallery/code-tiles.js'
import { prepareCodes, type CodedGallery } from '../src/gallery/coded-gallery.js'
import { codeRows } from '../src/gallery/row-coder.js'
import { CpuKernel } from '../src/kernel/cpu-kernel.js'
import { DeviceKernel } from '../src/kernel/device-kernel.js'
import { BLOCK_COLUMNS } from '../src/kernel/product-kernel.js'
import { ResidentTiles } from '../src/kernel/resident-tiles.js'
import { DEVICE_TRAITS } from '../src/plan/choose-components.js'
import { planCodes, type CodingWish } from '../src/plan/plan-codes.js'
import { planOf, unitsOf } from '../src/plan/tile-plan.js'
import { DenseSearch } from '../src/unit/dense-search.js'
import { UnitSearch } from '../src/unit/unit-search.js'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { findEdges, galleryOf } from './find-edges.js'

// ONNX Runtime's CPU stands in for a device: it is always there, and fast.
const DEVICE = { provider: 'cpu', index: 0 } as const
const THRESHOLD = Math.fround(0.7)

const product = await createFloatProduct()
afterAll(() => product.release())
afterEach(() => vi.restoreAllMocks())

async function codedGallery(
  rows: readonly Float32Array[],
  wish: CodingWish,
  range: CodeRange = FULL_RANGE,
): Promise<CodedGallery> {
  const gallery = galleryOf(rows, rows[0]!.length).finish()
  const coding = await planCodes(gallery, THRESHOLD, { ...DEVICE_TRAITS, range }, product, wish)
  if (typeof coding === 'string') throw new Error(coding)
  const coded = prepareCodes(gallery, coding)
  await codeRows(coded, [0, rows.length], product, () => false)
  return coded
}

interface Options extends CodingWish {
  tileRows: number
  onWarning?: (text: string) => void
}

/** All pairs that a search in two shards finds, and how many times it multiplied tiles in float32. */
async function search(
  rows: readonly Float32Array[],
  { tileRows, onWarning = () => {}, ...wish }: Options,
): Promise<{ pairs: string[]; denseTiles: number }> {
  const dense = vi.spyOn(DenseSearch.prototype, 'search')
  const gallery = await codedGallery(rows, wish, wish.range)
  const plan = planOf(rows.length, tileRows, 2)
  const all = Array.from({ length: plan.tiles }, (_, tile) => tile)
  const codes = new CodeTiles(gallery, tileRows)
  const shards = [0, 1].map((shard) => all.filter((tile) => tile % 2 === shard))
  const kernel = await DeviceKernel.create(
    codes,
    { device: DEVICE, shards, tileRows, gallery },
    () => false,
    onWarning,
  )
  const units = new UnitSearch(
    {
      gallery,
      tileRows,
      threshold: THRESHOLD,
      listLength: rows.length - 1,
      cutoffs: new Float32Array(rows.length).fill(-Infinity),
    },
    { gallery, codes, kernel },
    product,
    () => false,
  )
  const pairs: string[] = []
  for (const unit of unitsOf(plan)) {
    const { source, target } = await units.search(unit)
    source.forEach((row, i) => pairs.push(`${row}-${target[i]}`))
  }
  await units.close()
  return { pairs: pairs.sort(), denseTiles: dense.mock.calls.length }
}

describe('a search with DeviceKernel', () => {
  const rows = normalRows(seededRandom(17), 1000, 48, { perIdentity: 5, spread: 0.5 })
  const expected = bruteForceEdges(rows, THRESHOLD, Infinity)

  it.each(CODE_RANGES)(
    'finds every pair once, over all shards and groups, by codes of ±$max',
    async (range) => {
      expect(expected.length).toBeGreaterThan(1000)
      expect(await search(rows, { tileRows: 128, range })).toEqual({ pairs: expected, denseTiles: 0 })
    },
  )

  it.each([false, true])('finds the same by some components, rotated: %s', async (rotated) => {
    const { pairs, denseTiles } = await search(rows, { tileRows: 128, components: 36, rotated })
    expect(pairs).toEqual(expected)
    expect(denseTiles).toBeLessThan(8)
  })

  it('finds the same where float32 rounds the products', async () => {
    const wide = normalRows(seededRandom(18), 260, 1100, { perIdentity: 4, spread: 0.6 })
    const { pairs } = await search(wide, { tileRows: 128 })
    expect(pairs).toEqual(bruteForceEdges(wide, THRESHOLD, Infinity))
  })

  it('leaves tiles of similar rows to float32 products, in smaller ones', async () => {
    const random = seededRandom(5)
    const crowd = normalRows(random, 2100, 48, { perIdentity: 2100, spread: 0.3 })
    const mixed = [...normalRows(random, 3000, 48, { perIdentity: 1, spread: 0 }), ...crowd]
    const { pairs, denseTiles } = await search(mixed, { tileRows: 1024 })
    expect(denseTiles).toBeGreaterThan(0)
    expect(pairs).toEqual(await findEdges(galleryOf(mixed, 48), { threshold: 0.7, topK: Infinity }))
  }, 120_000)

  it('goes on with fewer rows at a time where the memory of the device is short, and says so', async () => {
    const run = ResidentTiles.prototype.rowMaxima
    vi.spyOn(ResidentTiles.prototype, 'rowMaxima').mockImplementation(async function (
      this: ResidentTiles,
      tile,
      queries,
    ) {
      if (queries.length / 48 > 40) throw new Error('CUDA error: out of memory')
      return run.call(this, tile, queries)
    })
    const warnings: string[] = []
    const { pairs } = await search(rows, { tileRows: 128, onWarning: (text) => warnings.push(text) })
    expect(pairs).toEqual(expected)
    expect(warnings).toEqual(
      [64, 32].map((limit) => expect.stringContaining(`short of memory: ${limit} rows`)),
    )
  })

  it.each([
    ['rowMaxima', (values: Float32Array) => values.map((value, i) => (i === 127 ? value + 1 : value))],
    ['blockMaxima', (values: Float32Array) => values.map((value, i) => (i === 1 ? value - 1 : value))],
    ['picked', (values: Float32Array) => values.map((value, i) => (i === 100 ? NaN : value))],
  ] as const)('refuses a device that computes wrong %s', async (method, distort) => {
    const run = ResidentTiles.prototype[method] as (...args: unknown[]) => Promise<Float32Array>
    vi.spyOn(ResidentTiles.prototype, method).mockImplementation(async function (
      this: ResidentTiles,
      ...args: unknown[]
    ) {
      return distort(await run.apply(this, args))
    })
    await expect(search(rows, { tileRows: 128 })).rejects.toThrow(/cannot search its share: it computes/)
  })

  it('notices a device that loses products during the search', async () => {
    const run = ResidentTiles.prototype.rowMaxima
    let runs = 0
    vi.spyOn(ResidentTiles.prototype, 'rowMaxima').mockImplementation(async function (
      this: ResidentTiles,
      ...args: Parameters<typeof run>
    ) {
      const maxima = await run.apply(this, args)
      return ++runs > 10 ? maxima.fill(0) : maxima
    })
    await expect(search(rows, { tileRows: 128 })).rejects.toThrow(/failed: it computes 0/)
  })
})

it.each([64, 128, 512])('the CPU multiplies tiles of %i similar rows in float32', async (tileRows) => {
  const dense = vi.spyOn(DenseSearch.prototype, 'search')
  const alike = normalRows(seededRandom(6), 2 * tileRows, 24, { perIdentity: 2 * tileRows, spread: 0.2 })
  const gallery = await codedGallery(alike, { components: 24 }, CODE_RANGES.at(-1))
  const codes = new CodeTiles(gallery, tileRows)
  const kernel = await CpuKernel.create(codes, tileRows, gallery.coding)
  const cutoffs = new Float32Array(alike.length).fill(-Infinity)
  const options = { gallery, tileRows, threshold: THRESHOLD, listLength: 3, cutoffs }
  const units = new UnitSearch(options, { gallery, codes, kernel }, product, () => false)
  for (const unit of unitsOf(planOf(alike.length, tileRows, 2))) await units.search(unit)
  await units.close()
  // Tiles on the diagonal, where each row finds itself, may be looked at pair by pair.
  expect(dense.mock.calls.map(([query, target]) => `${query} ${target}`)).toContain('0 1')
})

describe('ResidentTiles', () => {
  it('multiplies with any tile, whichever session holds it', async () => {
    const [tileRows, dim] = [128, 20]
    const rows = normalRows(seededRandom(8), 5 * tileRows - 30, dim, { perIdentity: 1, spread: 0 })
    const gallery = await codedGallery(rows, {})
    const codes = new CodeTiles(gallery, tileRows)
    const { codeLength } = gallery.coding
    const resident = await ResidentTiles.create(DEVICE, codes, [0, 1, 2, 3, 4], {
      tileRows,
      coding: gallery.coding,
      sessionBytes: 2 * tileRows * codeLength,
    })
    expect(resident.samples).toEqual([0, 1, 2, 3, 4])
    const tileCodes = new Int8Array(tileRows * codeLength)
    const query = Int8Array.from({ length: codeLength }, (_, i) => 100 - 11 * i)
    const queries = Uint8Array.from([...query, ...query], (code) => code + FULL_RANGE.zero)
    for (let tile = 0; tile < 5; tile++) {
      codes.read(tile, tileCodes)
      const products = Array.from({ length: tileRows }, (_, column) =>
        query.reduce((sum, code, i) => sum + code * tileCodes[column * codeLength + i]!, 0),
      )
      const largest = Math.max(...products)
      expect([...(await resident.rowMaxima(tile, queries))]).toEqual([largest, largest])
      expect([...(await resident.picked(tile, queries, [1, 2]))]).toEqual([
        ...products.slice(BLOCK_COLUMNS),
        ...products.slice(0, BLOCK_COLUMNS),
      ])
    }
    await resident.release()
    codes.close()
  })
})
