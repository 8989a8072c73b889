import type { Provider } from '@facekit/core'
import { NOTHING_DONE, type Frontier } from './frontier.js'
import { pairsInBoth, wholeRegion, type Region, type Strip } from './pairs.js'

/**
 * What a thread does at a time: the inner products of the rows of some query tiles with those of one gallery tile. Only
 * one half of the matrix is computed: a unit holds no query tile behind its gallery tile.
 */
export interface Unit {
  /** Which group of query tiles this is, from 0. */
  group: number
  firstQueryTile: number
  endQueryTile: number
  galleryTile: number
}

export interface TilePlan {
  rows: number
  /** Rows of a tile; the last may have fewer. */
  tileRows: number
  tiles: number
  /** Query tiles of a group, and their rows; the last may have fewer. */
  groupTiles: number
  groupRows: number
  groups: number
}

// The products of two tiles, 1 MiB, stay in a core's cache until they are looked through; so do their codes, of which
// longer ones get fewer rows.
const TILE_BYTES = 2 ** 18
const MAX_TILE_ROWS = 512
const MIN_TILE_ROWS = 64

/**
 * Query tiles that go against each gallery tile when it has been read and transposed, so that this costs little beside
 * the products. A thread holds their codes: 4 MiB.
 */
const GROUP_TILES = 16

/** @param bandRows of the region: groups are no larger */
export function planTiles(rows: number, codeLength: number, bandRows = Infinity): TilePlan {
  const fitting = 2 ** Math.floor(Math.log2(TILE_BYTES / codeLength))
  const needed = 2 ** Math.ceil(Math.log2(rows))
  const tileRows = Math.max(MIN_TILE_ROWS, Math.min(MAX_TILE_ROWS, fitting, needed))
  return planOf(rows, tileRows, Math.min(GROUP_TILES, bandRows / tileRows))
}

// What a device computes at a time must be large enough to hide what it costs to ask, and its products must fit: 64 MiB
// with WebGPU, which binds 128 MiB at once wherever it runs, 256 MiB with CUDA.
const MAX_DEVICE_TILE_ROWS = { webgpu: 4096, cuda: 8192, cpu: 4096 }
const MIN_DEVICE_TILE_ROWS = 128
const MAX_DEVICE_TILE_BYTES = 2 ** 27

/** Gallery tiles stay where they are: groups serve to follow up the rows of several query tiles together. */
const DEVICE_GROUP_TILES = 4

/**
 * A plan for devices that share the tiles: small enough that each of the shards has some.
 *
 * @param bandRows of the region: tiles and groups are no larger
 */
export function planDeviceTiles(
  { rows, codeLength }: { rows: number; codeLength: number },
  provider: Provider,
  shards: number,
  bandRows = Infinity,
): TilePlan {
  const fair = rows / (4 * shards)
  const fitting = MAX_DEVICE_TILE_BYTES / (Float32Array.BYTES_PER_ELEMENT * codeLength)
  const most = Math.min(MAX_DEVICE_TILE_ROWS[provider], fair, fitting, bandRows)
  const tileRows = Math.max(MIN_DEVICE_TILE_ROWS, 2 ** Math.floor(Math.log2(most)))
  return planOf(rows, tileRows, Math.min(DEVICE_GROUP_TILES, bandRows / tileRows))
}

export function planOf(rows: number, tileRows: number, groupTiles: number): TilePlan {
  const tiles = Math.ceil(rows / tileRows)
  return {
    rows,
    tileRows,
    tiles,
    groupTiles,
    groupRows: groupTiles * tileRows,
    groups: Math.ceil(tiles / groupTiles),
  }
}

/**
 * All units, group by group, that hold pairs of a region which are not done.
 *
 * @param region all pairs if left out
 * @param done of an earlier search, by this plan or another
 */
export function* unitsOf(
  plan: TilePlan,
  { strips }: Region = wholeRegion(plan.rows),
  done: Frontier = NOTHING_DONE,
): Generator<Unit> {
  const { rows, tiles, tileRows, groups, groupTiles, groupRows } = plan
  const first = Math.max(done.sources, strips[0]?.firstSource ?? rows)
  for (let group = Math.floor(first / groupRows); group < groups; group++) {
    const firstQueryTile = group * groupTiles
    const endQueryTile = Math.min(tiles, firstQueryTile + groupTiles)
    const own = strips.filter(
      ({ firstSource, endSource }) => firstSource < (group + 1) * groupRows && endSource > group * groupRows,
    )
    if (own.length === 0) continue
    const firstTarget = Math.min(...own.map((strip) => strip.firstTarget))
    const endTarget = Math.max(...own.map((strip) => strip.endTarget))
    const isBegun = Math.min(rows, endQueryTile * tileRows) <= done.nextSources
    const tilesDone = !isBegun ? 0 : done.targets === rows ? tiles : Math.floor(done.targets / tileRows)
    const firstTile = Math.max(firstQueryTile, Math.floor(firstTarget / tileRows), tilesDone)
    for (let galleryTile = firstTile; galleryTile < Math.ceil(endTarget / tileRows); galleryTile++) {
      yield { group, firstQueryTile, endQueryTile, galleryTile }
    }
  }
}

/** Query tiles of a unit that are not behind its gallery tile. */
export function queryTilesOf({ firstQueryTile, endQueryTile, galleryTile }: Unit): number[] {
  const end = Math.min(endQueryTile, galleryTile + 1)
  return Array.from({ length: end - firstQueryTile }, (_, i) => firstQueryTile + i)
}

/** Pairs of a region that a unit decides. */
export function pairsOf({ rows, tileRows }: TilePlan, unit: Unit, { strips }: Region): number {
  const all: Strip = {
    firstSource: unit.firstQueryTile * tileRows,
    endSource: Math.min(rows, unit.endQueryTile * tileRows),
    firstTarget: unit.galleryTile * tileRows,
    endTarget: Math.min(rows, (unit.galleryTile + 1) * tileRows),
  }
  return strips.reduce((sum, strip) => sum + pairsInBoth(strip, all), 0)
}
