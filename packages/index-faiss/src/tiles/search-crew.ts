import { distinctDevices, isSameDevice, type Device } from '@facekit/core'
import { messageOf, SearchError } from '../errors.js'
import type { GalleryData } from '../gallery/gallery.js'
import type { ThreadSetup } from './search-messages.js'
import { SearchPool } from './search-pool.js'
import { planDeviceTiles, planTiles, unitsOf, type TilePlan, type Unit } from './tile-plan.js'

export interface CrewOptions {
  /** float32 */
  threshold: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
  /** Threads of the CPU. */
  threads: number
  /** GPUs, all of one provider: each entry holds a shard of the gallery. None for the CPU. */
  devices: readonly Device[]
  /** Whether the CPU takes over where the devices cannot take the gallery. */
  mayFallBack: boolean
  onWarning: (text: string) => void
}

/** Threads with their tiles: those of the CPU, or those of devices. */
export interface Crew {
  plan: TilePlan
  pool: SearchPool
  /** For each thread. */
  units: Iterator<Unit>[]
  /** That hold the gallery; 0 for the CPU. */
  devices: number
  /** Why it cannot screen, if so. */
  unfit: string | undefined
}

/**
 * Starts the devices, or the CPU where there are none.
 *
 * @param cutoffs shared: see `PairDeciderOptions`
 * @throws SearchError `DEVICE` where devices cannot take the gallery and the CPU may not; `SEARCH`
 */
export async function startCrew(
  gallery: GalleryData,
  setup: CrewOptions,
  cutoffs: Float32Array,
  signal: AbortSignal,
): Promise<Crew> {
  if (setup.devices.length > 0) {
    const crew = await startDevices(gallery, setup, cutoffs, signal)
    if (typeof crew !== 'string') return crew
    setup.onWarning(`Searching on the CPU: ${crew}`)
  }
  const plan = planTiles(gallery.rows, gallery.dim)
  const { threshold, listLength } = setup
  const options = { gallery, tileRows: plan.tileRows, threshold, listLength, cutoffs }
  const threads = Math.min(setup.threads, plan.tiles)
  const setups = Array.from({ length: threads }, (): ThreadSetup => ({ kind: 'core', options }))
  const pool = new SearchPool(setups, setup.onWarning, signal)
  const units = unitsOf(plan)
  return { plan, pool, units: setups.map(() => units), devices: 0, unfit: await ready(pool, signal) }
}

/** @returns why the CPU has to search, if so */
async function startDevices(
  gallery: GalleryData,
  setup: CrewOptions,
  cutoffs: Float32Array,
  signal: AbortSignal,
): Promise<Crew | string> {
  const { threshold, listLength } = setup
  const plan = planDeviceTiles(gallery, setup.devices[0]!.provider, setup.devices.length)
  // Few rows make no more shards than tiles.
  const shards = setup.devices.slice(0, plan.tiles)
  const options = { gallery, tileRows: plan.tileRows, threshold, listLength, cutoffs }
  // Tiles take turns, so that each shard has its part of both ends of the half matrix.
  const shardOf = (tile: number) => tile % shards.length
  const tilesOf = (shard: number) =>
    Array.from({ length: plan.tiles }, (_, tile) => tile).filter((tile) => shardOf(tile) === shard)
  // One thread for all shards of a device: WebGPU suffers no two.
  const devices = distinctDevices(shards)
  const shardsOf = (device: Device) =>
    [...shards.keys()].filter((shard) => isSameDevice(shards[shard]!, device))
  const setups = devices.map((device): ThreadSetup => ({
    kind: 'device',
    options: { ...options, device, shards: shardsOf(device).map(tilesOf) },
  }))
  const units = devices.map((device) => {
    const own = new Set(shardsOf(device))
    return unitsWhere(plan, ({ galleryTile }) => own.has(shardOf(galleryTile)))
  })
  const pool = new SearchPool(setups, setup.onWarning, signal)
  try {
    const unfit = await ready(pool, signal)
    if (unfit === undefined) return { plan, pool, units, devices: devices.length, unfit }
    await pool.close()
    return unfit
  } catch (cause) {
    const reason = messageOf(cause instanceof SearchError ? cause.cause : cause)
    if (setup.mayFallBack) return reason
    throw new SearchError(
      'DEVICE',
      `Expected ${devices.length} GPU(s) to take the gallery but ${reason}. Take more of them, or the CPU: the result is the same.`,
      { cause },
    )
  }
}

/** @returns why the threads cannot screen, if so; they are closed if they do not start */
async function ready(pool: SearchPool, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await pool.ready(signal)
  } catch (error) {
    await pool.close()
    throw error
  }
}

function* unitsWhere(plan: TilePlan, isIncluded: (unit: Unit) => boolean): Generator<Unit> {
  for (const unit of unitsOf(plan)) if (isIncluded(unit)) yield unit
}
