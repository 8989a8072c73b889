import type { Provider } from '@facekit/core'

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
  groups: number
}

// The products of two tiles, 1 MiB, stay in a core's cache until they are looked through; so do their codes, of which
// larger dims get fewer rows.
const TILE_BYTES = 2 ** 18
const MAX_TILE_ROWS = 512
const MIN_TILE_ROWS = 64

/**
 * Query tiles that go against each gallery tile when it has been read and transposed, so that this costs little beside
 * the products. A thread holds their codes: 4 MiB.
 */
const GROUP_TILES = 16

export function planTiles(rows: number, dim: number): TilePlan {
  const fitting = 2 ** Math.floor(Math.log2(TILE_BYTES / dim))
  const needed = 2 ** Math.ceil(Math.log2(rows))
  const tileRows = Math.max(MIN_TILE_ROWS, Math.min(MAX_TILE_ROWS, fitting, needed))
  const tiles = Math.ceil(rows / tileRows)
  return { rows, tileRows, tiles, groups: Math.ceil(tiles / GROUP_TILES) }
}

// What a device computes at a time must be large enough to hide what it costs to ask, and its products must fit: 64 MiB
// with WebGPU, which binds 128 MiB at once wherever it runs, 256 MiB with CUDA.
const MAX_DEVICE_TILE_ROWS = { webgpu: 4096, cuda: 8192, cpu: 4096 }
const MIN_DEVICE_TILE_ROWS = 128

/** A plan for devices that share the tiles: small enough that each of the shards has some. */
export function planDeviceTiles(rows: number, provider: Provider, shards: number): TilePlan {
  const fair = 2 ** Math.floor(Math.log2(rows / (4 * shards)))
  const tileRows = Math.max(MIN_DEVICE_TILE_ROWS, Math.min(MAX_DEVICE_TILE_ROWS[provider], fair))
  const tiles = Math.ceil(rows / tileRows)
  return { rows, tileRows, tiles, groups: Math.ceil(tiles / GROUP_TILES) }
}

/** All units, group by group. When a group is done, the similarities of its rows with all others are known. */
export function* unitsOf({ tiles, groups }: TilePlan): Generator<Unit> {
  for (let group = 0; group < groups; group++) {
    const firstQueryTile = group * GROUP_TILES
    const endQueryTile = Math.min(tiles, firstQueryTile + GROUP_TILES)
    for (let galleryTile = firstQueryTile; galleryTile < tiles; galleryTile++) {
      yield { group, firstQueryTile, endQueryTile, galleryTile }
    }
  }
}

export function unitsInGroup({ tiles }: TilePlan, group: number): number {
  return tiles - group * GROUP_TILES
}

/** The rows of a group: from the first to the one after the last. */
export function rowsOfGroup({ rows, tileRows }: TilePlan, group: number): [start: number, end: number] {
  const groupRows = GROUP_TILES * tileRows
  return [group * groupRows, Math.min(rows, (group + 1) * groupRows)]
}

/** Query tiles of a unit that are not behind its gallery tile. */
export function queryTilesOf({ firstQueryTile, endQueryTile, galleryTile }: Unit): number[] {
  const end = Math.min(endQueryTile, galleryTile + 1)
  return Array.from({ length: end - firstQueryTile }, (_, i) => firstQueryTile + i)
}

/** Pairs of rows that a unit decides. */
export function pairsOf(plan: TilePlan, unit: Unit): number {
  const size = (tile: number) => Math.min(plan.rows, (tile + 1) * plan.tileRows) - tile * plan.tileRows
  const columns = size(unit.galleryTile)
  return queryTilesOf(unit).reduce(
    (sum, tile) => sum + (tile === unit.galleryTile ? (columns * (columns - 1)) / 2 : size(tile) * columns),
    0,
  )
}
