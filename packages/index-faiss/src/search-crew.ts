import type { Device } from '@facekit/core'
import { SearchError } from './errors.js'
import type { GalleryData } from './gallery.js'
import type { ThreadSetup } from './search-messages.js'
import { SearchPool } from './search-pool.js'
import type { TileSearchSetup } from './search-tiles.js'
import { planDeviceTiles, planTiles, unitsOf, type TilePlan, type Unit } from './tile-plan.js'

/** Threads with their tiles: those of the CPU, or those of devices. */
export interface Crew {
  plan: TilePlan
  pool: SearchPool
  /** For each thread. */
  units: Iterator<Unit>[]
  /** Why it cannot screen, if so. */
  unfit: string | undefined
}

interface SharedArrays {
  cutoffs: Float32Array
  stop: Int32Array
}

/**
 * Starts the devices, or the CPU where there are none.
 *
 * @throws SearchError `DEVICE` where devices cannot take the gallery and the CPU may not; `SEARCH`
 */
export async function startCrew(
  gallery: GalleryData,
  setup: TileSearchSetup,
  shared: SharedArrays,
  signal: AbortSignal,
): Promise<Crew> {
  if (setup.devices.length > 0) {
    const reason = await startDevices(gallery, setup, shared, signal)
    if (typeof reason !== 'string') return reason
    setup.onWarning(`Searching on the CPU: ${reason}`)
  }
  const plan = planTiles(gallery.rows, gallery.dim)
  const { threshold, listLength } = setup
  const options = { gallery, tileRows: plan.tileRows, threshold, listLength, ...shared }
  const threads = Math.min(setup.threads, plan.tiles)
  const units = unitsOf(plan)
  return open(
    plan,
    Array.from({ length: threads }, () => ({ kind: 'core', options })),
    Array.from({ length: threads }, () => units),
    setup,
    signal,
  )
}

/** @returns why the CPU has to search, if so */
async function startDevices(
  gallery: GalleryData,
  setup: TileSearchSetup,
  shared: SharedArrays,
  signal: AbortSignal,
): Promise<Crew | string> {
  const { devices, threshold, listLength } = setup
  const plan = planDeviceTiles(gallery.rows, devices[0]!.provider, devices.length)
  const options = { gallery, tileRows: plan.tileRows, threshold, listLength, ...shared }
  // Tiles take turns, so that each shard has its part of both ends of the half matrix.
  const shardOf = (tile: number) => tile % devices.length
  const tilesOf = (shard: number) =>
    Array.from({ length: plan.tiles }, (_, tile) => tile).filter((tile) => shardOf(tile) === shard)
  // One thread for all shards of a device: WebGPU suffers no two.
  const distinct = devices.filter((device, i) => devices.findIndex((other) => isSame(device, other)) === i)
  const shardsOf = (device: Device) => [...devices.keys()].filter((shard) => isSame(devices[shard]!, device))
  const setups = distinct.map((device): ThreadSetup => {
    return { kind: 'device', options: { ...options, device, shards: shardsOf(device).map(tilesOf) } }
  })
  const units = distinct.map((device) => {
    const shards = new Set(shardsOf(device))
    return unitsWhere(plan, ({ galleryTile }) => shards.has(shardOf(galleryTile)))
  })
  try {
    const crew = await open(plan, setups, units, setup, signal)
    if (crew.unfit === undefined) {
      if (!signal.aborted) setup.onSharded(distinct.length)
      return crew
    }
    await crew.pool.close()
    return crew.unfit
  } catch (cause) {
    const reason = String(
      cause instanceof SearchError && cause.cause instanceof Error ? cause.cause.message : cause,
    )
    if (setup.mayFallBack) return reason
    throw new SearchError(
      'DEVICE',
      `Expected the gallery to fit onto ${distinct.length} GPU(s) but ${reason}. Take more devices or the CPU: the result is the same.`,
      { cause },
    )
  }
}

async function open(
  plan: TilePlan,
  setups: readonly ThreadSetup[],
  units: Iterator<Unit>[],
  { onWarning }: TileSearchSetup,
  signal: AbortSignal,
): Promise<Crew> {
  const pool = new SearchPool(setups, onWarning, signal)
  try {
    return { plan, pool, units, unfit: await pool.ready(signal) }
  } catch (error) {
    await pool.close()
    throw error
  }
}

function* unitsWhere(plan: TilePlan, isIncluded: (unit: Unit) => boolean): Generator<Unit> {
  for (const unit of unitsOf(plan)) if (isIncluded(unit)) yield unit
}

function isSame(a: Device, b: Device): boolean {
  return a.provider === b.provider && a.index === b.index
}
