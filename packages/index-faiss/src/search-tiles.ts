import type { EdgeBatch } from '@facekit/core'
import { EdgeSelector } from './edge-selector.js'
import type { GalleryData } from './gallery.js'
import { NeighborLists } from './neighbor-lists.js'
import { pairsOf, planTiles, rowsOfGroup, unitsInGroup, unitsOf, type TilePlan } from './tile-plan.js'
import { TilePool } from './tile-pool.js'

export interface TileSearchSetup {
  /** float32 */
  threshold: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
  threads: number
  /** Whether to screen with 8-bit numbers, or to compute float32 products throughout. */
  screening: boolean
  /** What the neighbors of rows that are not finished may take before they go into a file. */
  listBytes: number
  spillFile: string
  onProgress: (pairsDone: number, pairs: number) => void
  onFallback: (reason: string) => void
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
  const { rows, dim } = gallery
  if (rows < 2 || setup.listLength === 0) return
  const plan = planTiles(rows, dim)
  const cutoffs = new Float32Array(new SharedArrayBuffer(4 * rows)).fill(-Infinity)
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const { threshold, listLength } = setup
  const threads = Math.min(setup.threads, plan.tiles)
  const pool = new TilePool(
    threads,
    { gallery, tileRows: plan.tileRows, threshold, listLength, cutoffs, stop },
    signal,
  )
  const finisher = listLength < rows - 1 ? new GroupFinisher(plan, setup, cutoffs) : undefined
  try {
    const screen = new ScreenTrial(setup)
    if (!(await pool.ready(signal))) screen.giveUp('this CPU does not multiply 8-bit numbers exactly')
    const pairs = (rows * (rows - 1)) / 2
    let pairsDone = 0
    for await (const { unit, result } of pool.search(unitsOf(plan), () => screen.isOn, signal)) {
      screen.see(result)
      pairsDone += pairsOf(plan, unit)
      setup.onProgress(pairsDone, pairs)
      if (finisher) yield* finisher.add(unit.group, result.pairs)
      else if (result.pairs.source.length > 0) yield result.pairs
    }
  } finally {
    Atomics.store(stop, 0, 1)
    await pool.close()
    finisher?.close()
  }
}

/** Gives up the screen where it rules out too little. */
class ScreenTrial {
  readonly #onFallback: (reason: string) => void
  isOn: boolean
  #tiles = 0
  #denseTiles = 0

  constructor({ screening, onFallback }: Pick<TileSearchSetup, 'screening' | 'onFallback'>) {
    this.isOn = screening
    this.#onFallback = onFallback
  }

  see({ tiles, denseTiles }: { tiles: number; denseTiles: number }): void {
    if (!this.isOn) return
    this.#tiles += tiles
    this.#denseTiles += denseTiles
    if (this.#tiles >= TRIAL_TILES && this.#denseTiles > this.#tiles / 2)
      this.giveUp('too many pairs are near the threshold for 8-bit numbers to rule them out')
  }

  giveUp(reason: string): void {
    if (this.isOn) this.#onFallback(reason)
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
