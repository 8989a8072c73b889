import { seededRandom } from '@facekit/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CodeTiles } from '../src/gallery/code-tiles.js'
import { DenseSearch } from '../src/tiles/dense-search.js'
import { DeviceSearch } from '../src/device/device-search.js'
import { ResidentTiles } from '../src/device/resident-tiles.js'
import { BLOCK_COLUMNS, ZERO_CODE } from '../src/tiles/screen.js'
import { unitsOf, type TilePlan } from '../src/tiles/tile-plan.js'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { findEdges, galleryOf } from './find-edges.js'

// ONNX Runtime's CPU stands in for a device: it is always there, and fast.
const DEVICE = { provider: 'cpu', index: 0 } as const
const THRESHOLD = Math.fround(0.7)

afterEach(() => vi.restoreAllMocks())

/** All pairs that a search in two shards finds, and how many tiles it left to the host. */
async function search(
  rows: readonly Float32Array[],
  {
    tileRows,
    groupTiles = 2,
    screening = true,
  }: { tileRows: number; groupTiles?: number; screening?: boolean },
  onWarning: (text: string) => void = () => {},
): Promise<{ pairs: string[]; denseTiles: number }> {
  const gallery = galleryOf(rows, rows[0]!.length).finish()
  const tiles = Math.ceil(rows.length / tileRows)
  const plan: TilePlan = {
    rows: rows.length,
    tileRows,
    tiles,
    groupTiles,
    groups: Math.ceil(tiles / groupTiles),
  }
  const all = Array.from({ length: tiles }, (_, tile) => tile)
  const device = await DeviceSearch.create(
    {
      gallery,
      tileRows,
      threshold: THRESHOLD,
      listLength: rows.length - 1,
      cutoffs: new Float32Array(rows.length).fill(-Infinity),
      device: DEVICE,
      shards: [0, 1].map((shard) => all.filter((tile) => tile % 2 === shard)),
    },
    () => false,
    onWarning,
  )
  expect(device.unfit).toBeUndefined()
  const pairs: string[] = []
  let denseTiles = 0
  for (const unit of unitsOf(plan)) {
    const result = await device.search(unit, screening)
    result.pairs.source.forEach((row, i) => pairs.push(`${row}-${result.pairs.target[i]}`))
    denseTiles += result.denseTiles
  }
  await device.close()
  return { pairs: pairs.sort(), denseTiles }
}

describe('DeviceSearch', () => {
  const rows = normalRows(seededRandom(17), 1000, 48, { perIdentity: 5, spread: 0.5 })
  const expected = bruteForceEdges(rows, THRESHOLD, Infinity)

  it('finds every pair once, over all shards and groups', async () => {
    expect(expected.length).toBeGreaterThan(1000)
    expect(await search(rows, { tileRows: 128 })).toEqual({ pairs: expected, denseTiles: 0 })
  })

  it('finds the same without the screen, on the host', async () => {
    expect((await search(rows, { tileRows: 128, screening: false })).pairs).toEqual(expected)
  })

  it('leaves tiles of similar rows to the host, in smaller ones', async () => {
    const random = seededRandom(5)
    const crowd = normalRows(random, 2100, 48, { perIdentity: 2100, spread: 0.3 })
    const mixed = [...normalRows(random, 10_000, 48, { perIdentity: 1, spread: 0 }), ...crowd]
    const dense = vi.spyOn(DenseSearch.prototype, 'search')
    const { pairs, denseTiles } = await search(mixed, { tileRows: 1024 })
    expect(denseTiles).toBeGreaterThan(0)
    // 4 tiles of 512 for one of 1024, 3 on the diagonal.
    expect(dense.mock.calls.length).toBeGreaterThan(2 * denseTiles)
    expect(pairs).toEqual(await findEdges(galleryOf(mixed, 48), { threshold: 0.7, topK: Infinity }))
  }, 120_000)

  it('goes on with fewer rows at a time where the memory of the device is short, and says so', async () => {
    const run = ResidentTiles.prototype.rowMaxima
    vi.spyOn(ResidentTiles.prototype, 'rowMaxima').mockImplementation(async function (
      this: ResidentTiles,
      tile,
      queries,
      components,
    ) {
      if (queries.length / components > 40) throw new Error('CUDA error: out of memory')
      return run.call(this, tile, queries, components)
    })
    const warnings: string[] = []
    const { pairs } = await search(rows, { tileRows: 128 }, (text) => warnings.push(text))
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

describe('ResidentTiles', () => {
  it('multiplies with any tile, whichever session holds it', async () => {
    const [tileRows, dim] = [128, 20]
    const rows = normalRows(seededRandom(8), 5 * tileRows - 30, dim, { perIdentity: 1, spread: 0 })
    const gallery = galleryOf(rows, dim).finish()
    const codes = new CodeTiles(gallery, tileRows)
    const resident = await ResidentTiles.create(DEVICE, codes, [0, 1, 2, 3, 4], {
      tileRows,
      dim,
      sessionBytes: 2 * tileRows * dim,
    })
    expect(resident.samples).toEqual([0, 1, 2, 3, 4])
    const tileCodes = new Int8Array(tileRows * dim)
    const query = Int8Array.from({ length: dim }, (_, i) => 100 - 11 * i)
    const queries = Uint8Array.from([...query, ...query], (code) => code + ZERO_CODE)
    for (let tile = 0; tile < 5; tile++) {
      codes.read(tile, tileCodes)
      const products = Array.from({ length: tileRows }, (_, column) =>
        query.reduce((sum, code, i) => sum + code * tileCodes[column * dim + i]!, 0),
      )
      const largest = Math.max(...products)
      expect([...(await resident.rowMaxima(tile, queries, dim))]).toEqual([largest, largest])
      expect([...(await resident.picked(tile, queries, [1, 2]))]).toEqual([
        ...products.slice(BLOCK_COLUMNS),
        ...products.slice(0, BLOCK_COLUMNS),
      ])
    }
    await resident.release()
    codes.close()
  })
})
