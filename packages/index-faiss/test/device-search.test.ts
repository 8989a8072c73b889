import { seededRandom } from '@facekit/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DeviceSearch } from '../src/device/device-search.js'
import { ResidentTiles } from '../src/device/resident-tiles.js'
import { planDeviceTiles, unitsOf } from '../src/tile-plan.js'
import { bruteForceEdges, normalRows } from './brute-force.js'
import { galleryOf } from './find-edges.js'

const dim = 48
const threshold = 0.7
const rows = normalRows(seededRandom(17), 1000, dim, { perIdentity: 5, spread: 0.5 })
const gallery = galleryOf(rows, dim).finish()
const plan = planDeviceTiles(rows.length, 'cuda', 2)

/** A device that is always there. */
async function open(onWarning: (text: string) => void = () => {}): Promise<DeviceSearch> {
  const tiles = Array.from({ length: plan.tiles }, (_, tile) => tile)
  return DeviceSearch.create(
    {
      gallery,
      tileRows: plan.tileRows,
      threshold,
      listLength: rows.length - 1,
      cutoffs: new Float32Array(rows.length).fill(-Infinity),
      stop: new Int32Array(1),
      device: { provider: 'cpu', index: 0 },
      shards: [0, 1].map((shard) => tiles.filter((tile) => tile % 2 === shard)),
    },
    onWarning,
  )
}

async function pairsOf(search: DeviceSearch, screening: boolean): Promise<string[]> {
  const pairs: string[] = []
  for (const unit of unitsOf(plan)) {
    const { source, target } = (await search.search(unit, screening)).pairs
    source.forEach((row, i) => pairs.push(`${row}-${target[i]}`))
  }
  await search.close()
  return pairs.sort()
}

afterEach(() => vi.restoreAllMocks())

describe('DeviceSearch', () => {
  const expected = bruteForceEdges(rows, threshold, Infinity)

  it('finds every pair once, over all shards, with the screen and without', async () => {
    expect(expected.length).toBeGreaterThan(1000)
    expect(await pairsOf(await open(), true)).toEqual(expected)
    expect(await pairsOf(await open(), false)).toEqual(expected)
  })

  it('goes on with fewer rows at a time where the memory of the device is short, and says so', async () => {
    // Told where and how it runs out by what it does, not by a device that is too small.
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
    // Made before the device is short: the products that are checked first are of few rows.
    const warnings: string[] = []
    expect(await pairsOf(await open((text) => warnings.push(text)), true)).toEqual(expected)
    expect(warnings).toEqual(
      [64, 32].map((limit) => expect.stringContaining(`short of memory: ${limit} rows`)),
    )
  })

  it.each([
    ['rowMaxima', (values: Float32Array) => values.map((value) => value + 1)],
    ['blockMaxima', (values: Float32Array) => values.map((value) => 0 * value)],
    ['picked', (values: Float32Array) => values.map((value, i) => (i === 7 ? NaN : value))],
  ] as const)('refuses a device that computes wrong %s', async (method, distort) => {
    const run = ResidentTiles.prototype[method] as (...args: unknown[]) => Promise<Float32Array>
    vi.spyOn(ResidentTiles.prototype, method).mockImplementation(async function (
      this: ResidentTiles,
      ...args: unknown[]
    ) {
      return distort(await run.apply(this, args))
    })
    await expect(open()).rejects.toThrow(/cannot search its share: it computes/)
  })
})
