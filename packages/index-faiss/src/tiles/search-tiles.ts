import type { EdgeBatch } from '@facekit/core'
import { EdgeSelector } from '../edges/edge-selector.js'
import { NeighborLists } from '../edges/neighbor-lists.js'
import type { GalleryData } from '../gallery/gallery.js'
import { startCrew, type CrewOptions } from './search-crew.js'
import { pairsOf, rowsOfGroup, unitsInGroup, type TilePlan } from './tile-plan.js'

export interface TileSearchSetup extends CrewOptions {
  /** Whether to screen with 8-bit numbers, or to compute float32 products throughout. */
  screening: boolean
  /** What the neighbors of rows that are not finished may take before they go into a file. */
  listBytes: number
  spillFile: string
  onProgress: (pairsDone: number, pairs: number) => void
  onSharded: (devices: number) => void
}

/** Tiles after which it is decided whether the screen is worth while. */
const TRIAL_TILES = 32

/**
 * All pairs at or above the threshold, by products of tiles of one half of the matrix.
 *
 * @param signal ends the search; nothing is thrown
 */
export async function* searchTiles(
  gallery: GalleryData,
  setup: TileSearchSetup,
  signal: AbortSignal,
): AsyncGenerator<EdgeBatch> {
  const { rows } = gallery
  const { listLength } = setup
  if (rows < 2 || listLength === 0) return
  const cutoffs = new Float32Array(new SharedArrayBuffer(4 * rows)).fill(-Infinity)
  const { plan, pool, units, devices, unfit } = await startCrew(gallery, setup, cutoffs, signal)
  const finisher = listLength < rows - 1 ? new GroupFinisher(plan, setup, cutoffs) : undefined
  try {
    const screen = new ScreenTrial(setup)
    if (devices > 0 && !signal.aborted) setup.onSharded(devices)
    if (unfit) screen.giveUp(unfit)
    const pairs = (rows * (rows - 1)) / 2
    let pairsDone = 0
    for await (const { unit, result } of pool.search(units, () => screen.isOn, signal)) {
      screen.see(result)
      pairsDone += pairsOf(plan, unit)
      setup.onProgress(pairsDone, pairs)
      if (finisher) yield* finisher.add(unit.group, result.pairs)
      else if (result.pairs.source.length > 0) yield result.pairs
    }
  } finally {
    await pool.close()
    finisher?.close()
  }
}

/** Gives up the screen where it rules out too little. */
class ScreenTrial {
  readonly #onWarning: (text: string) => void
  isOn: boolean
  #tiles = 0
  #denseTiles = 0

  constructor({ screening, onWarning }: Pick<TileSearchSetup, 'screening' | 'onWarning'>) {
    this.isOn = screening
    this.#onWarning = onWarning
  }

  see({ tiles, denseTiles }: { tiles: number; denseTiles: number }): void {
    if (!this.isOn) return
    this.#tiles += tiles
    this.#denseTiles += denseTiles
    if (this.#tiles >= TRIAL_TILES && this.#denseTiles > this.#tiles / 2)
      this.giveUp('the bounds of 8-bit codes rule out too little')
  }

  giveUp(reason: string): void {
    if (this.isOn) this.#onWarning(`Searching by float32 tiles: ${reason}`)
    this.isOn = false
  }
}

/** Collects neighbors until a group of rows has all of its own, then turns them into edges. */
class GroupFinisher {
  readonly #plan: TilePlan
  readonly #lists: NeighborLists
  readonly #selector: EdgeSelector
  readonly #unitsDone: Uint32Array
  #finished = 0

  constructor(plan: TilePlan, { listLength, listBytes, spillFile }: TileSearchSetup, cutoffs: Float32Array) {
    const [, groupRows] = rowsOfGroup({ ...plan, rows: Infinity }, 0)
    this.#plan = plan
    this.#lists = new NeighborLists({
      rows: plan.rows,
      groupRows,
      listLength,
      cutoffs,
      memoryBytes: listBytes,
      spillFile,
    })
    this.#selector = new EdgeSelector(plan.rows, listLength)
    this.#unitsDone = new Uint32Array(plan.groups)
  }

  *add(group: number, { source, target, similarity }: EdgeBatch): Generator<EdgeBatch> {
    for (let i = 0; i < source.length; i++) {
      this.#lists.add(source[i]!, target[i]!, similarity[i]!)
      this.#lists.add(target[i]!, source[i]!, similarity[i]!)
    }
    this.#unitsDone[group]!++
    // A group has its last neighbors when it and all before it are done.
    while (
      this.#finished < this.#plan.groups &&
      this.#unitsDone[this.#finished] === unitsInGroup(this.#plan, this.#finished)
    ) {
      for (const [row, neighbors] of this.#lists.take(this.#finished)) this.#selector.addRow(row, neighbors)
      this.#finished++
      const edges = this.#selector.take()
      if (edges.source.length > 0) yield edges
    }
  }

  close(): void {
    this.#lists.close()
  }
}
