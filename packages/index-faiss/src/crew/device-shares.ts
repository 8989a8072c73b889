import { distinctDevices, isSameDevice, type Device } from '@facekit/core'
import type { Frontier } from '../plan/frontier.js'
import type { Region } from '../plan/pairs.js'
import { planDeviceTiles, unitsOf, type TilePlan, type Unit } from '../plan/tile-plan.js'

/** What a device, and the one thread that drives it, has of a search. */
export interface DeviceShare {
  device: Device
  /** Gallery tiles of each of its shards. */
  shards: number[][]
  units: Iterator<Unit>
}

/**
 * Deals the tiles of a gallery to devices, in turns, so that each shard has its part of both ends of the half matrix.
 *
 * @param devices each entry holds a shard; few rows make no more shards than tiles
 * @param region of which pairs are searched
 * @param done of an earlier search: only what is left is dealt
 */
export function shareTiles(
  shape: { rows: number; codeLength: number },
  devices: readonly Device[],
  region: Region,
  done: Frontier,
): { plan: TilePlan; shares: DeviceShare[]; ownerOf: (unit: Unit) => number } {
  const plan = planDeviceTiles(shape, devices[0]!.provider, devices.length, region.bandRows)
  const shards = devices.slice(0, plan.tiles)
  const shardOf = (tile: number) => tile % shards.length
  const tilesOf = (shard: number) =>
    Array.from({ length: plan.tiles }, (_, tile) => tile).filter((tile) => shardOf(tile) === shard)
  // One thread for all shards of a device: WebGPU suffers no two.
  const distinct = distinctDevices(shards)
  const ownerOfShard = shards.map((shard) => distinct.findIndex((device) => isSameDevice(shard, device)))
  const ownerOf = ({ galleryTile }: Unit) => ownerOfShard[shardOf(galleryTile)]!
  const shares = distinct.map((device, owner) => ({
    device,
    shards: [...shards.keys()].filter((shard) => ownerOfShard[shard] === owner).map(tilesOf),
    units: unitsWhere(plan, region, done, (unit) => ownerOf(unit) === owner),
  }))
  return { plan, shares, ownerOf }
}

function* unitsWhere(
  plan: TilePlan,
  region: Region,
  done: Frontier,
  isIncluded: (unit: Unit) => boolean,
): Generator<Unit> {
  for (const unit of unitsOf(plan, region, done)) if (isIncluded(unit)) yield unit
}
