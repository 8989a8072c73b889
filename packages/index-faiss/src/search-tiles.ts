import type { Checkpoints, Device, EdgeBatch } from '@facekit/core'
import { EdgeCollector, keptPairs } from '@facekit/edges'
import { Crew } from './crew/crew.js'
import { shareTiles } from './crew/device-shares.js'
import { messageOf, SearchError } from './errors.js'
import { discardCodes, prepareCodes, type CodedGallery, type Coding } from './gallery/coded-gallery.js'
import type { GalleryData } from './gallery/gallery.js'
import { FrontierTracker } from './plan/frontier-tracker.js'
import { pairsDoneAt, type Frontier } from './plan/frontier.js'
import type { CodingWish } from './plan/plan-codes.js'
import { checkProgress, type SearchProgress } from './search-progress.js'
import { isInRegion, pairsInRegion, wholeRegion, type Region } from './plan/pairs.js'
import { pairsOf, planTiles, unitsOf, type TilePlan, type Unit } from './plan/tile-plan.js'
import type { DenseSearchOptions } from './unit/dense-search.js'

/** How rows are screened before pairs are decided. */
export interface ScreenInfo {
  /** Components of a row whose products are computed first, of so many. */
  components: number
  dim: number
  /** Whether these are along the gallery's own axes. */
  rotated: boolean
  /** Codes are -maxCode … maxCode. */
  maxCode: number
}

export interface TileSearchSetup {
  /** float32 */
  threshold: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
  /** Of which pairs; all if undefined. */
  region: Region | undefined
  /** Edges of other pairs. */
  known: AsyncIterable<EdgeBatch> | undefined
  /** Whether to screen with 8-bit numbers, or to compute float32 products throughout. */
  screening: boolean
  /** How rows are to be coded: left open but in tests and trials. */
  wish?: CodingWish
  /** Threads of the CPU. */
  threads: number
  /** GPUs, all of one provider: each entry holds a shard of the gallery. None for the CPU. */
  devices: readonly Device[]
  /** Whether the CPU takes over where the devices cannot take the gallery. */
  mayFallBack: boolean
  /** What pairs may take before they go into files, and a folder for these alone. */
  pairBytes: number
  pairFolder: string
  checkpoints: Checkpoints
  onProgress: (pairsDone: number, pairs: number) => void
  onWarning: (text: string) => void
  onScreen: (screen: ScreenInfo) => void
  onSharded: (devices: number) => void
}

/** Numbers of a whole product up to which starting threads costs more than the search: some tens of milliseconds. */
const HERE_PRODUCTS = 2 ** 30

/** A crew that is ready for its units. */
interface Start {
  crew: Crew
  plan: TilePlan
  /** For each thread, or one for all. */
  units: Iterator<Unit>[]
  /** Which of several a unit is among. */
  ownerOf?: (unit: Unit) => number
}

/**
 * All pairs of a region at or above the threshold, by products of tiles of one half of the matrix.
 *
 * @param signal ends the search; nothing is thrown
 */
export async function* searchTiles(
  gallery: GalleryData,
  setup: TileSearchSetup,
  signal: AbortSignal,
): AsyncGenerator<EdgeBatch> {
  const { rows } = gallery
  const { listLength, checkpoints, pairBytes: memoryBytes, pairFolder: folder } = setup
  const region = setup.region ?? wholeRegion(rows)
  const pairs = pairsInRegion(region)
  if (pairs === 0 || listLength === 0) return
  const { frontier, pieces } = await checkProgress(folder, checkpoints.resumed, rows)
  const cutoffs = new Float32Array(new SharedArrayBuffer(4 * rows)).fill(-Infinity)
  const search = new TileSearch(gallery, setup, region, cutoffs, frontier, signal)
  const collector = new EdgeCollector({ rows, listLength, cutoffs, memoryBytes, folder, pieces })
  try {
    await collector.raiseCutoffs()
    if (setup.known && checkpoints.resumed === undefined) await addAll(collector, setup.known, signal)
    const start = await search.start()
    if (!start) return
    const { crew, plan, units } = start
    const tracker = new FrontierTracker(plan, region, frontier, start.ownerOf)
    const record = async () => {
      await checkpoints.record(async (): Promise<SearchProgress> => ({
        frontier: tracker.frontier,
        pieces: await collector.settle(),
        pairsDone: pairsDoneAt(tracker.frontier, region),
        pairs,
      }))
      await collector.removeReplaced()
    }
    let pairsDone = pairsDoneAt(frontier, region)
    setup.onProgress(pairsDone, pairs)
    for await (const { unit, pairs: found } of crew.search(units, signal)) {
      pairsDone = Math.min(pairs, pairsDone + pairsOf(plan, unit, region))
      setup.onProgress(pairsDone, pairs)
      // Tiles of a device may hold pairs of another part.
      await collector.add(
        setup.region ? keptPairs(found, (source, target) => isInRegion(region, source, target)) : found,
      )
      tracker.finish(unit)
      if (checkpoints.isDue) await record()
      else if (!checkpoints.hasRecord) await collector.removeReplaced()
    }
    // Where it ends early, and where the edges are still to be selected.
    if (checkpoints.hasRecord) await record()
    if (signal.aborted) return
    await search.close()
    yield* collector.edges()
  } finally {
    await search.close()
    await collector.close(checkpoints.hasRecord)
  }
}

async function addAll(
  collector: EdgeCollector,
  known: AsyncIterable<EdgeBatch>,
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of known) {
    if (signal.aborted) return
    await collector.add(batch)
  }
}

/** Brings a search to the point where units can be searched, and holds what must be released. */
class TileSearch {
  readonly #gallery: GalleryData
  readonly #setup: TileSearchSetup
  readonly #region: Region
  readonly #cutoffs: Float32Array
  /** What an earlier search has done. */
  readonly #done: Frontier
  readonly #signal: AbortSignal
  #crew: Crew | undefined
  #coded: CodedGallery | undefined
  /** Whether devices were found to gain nothing from codes: the CPU would gain less. */
  #isUseless = false
  readonly #abort = () => void this.#crew?.close()

  constructor(
    gallery: GalleryData,
    setup: TileSearchSetup,
    region: Region,
    cutoffs: Float32Array,
    done: Frontier,
    signal: AbortSignal,
  ) {
    this.#gallery = gallery
    this.#setup = setup
    this.#region = region
    this.#cutoffs = cutoffs
    this.#done = done
    this.#signal = signal
    // What takes long is left: the crew answers nothing more.
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  /**
   * Starts the devices, or the CPU where there are none.
   *
   * @returns undefined when the signal aborts
   * @throws SearchError `DEVICE` where devices cannot take the gallery and the CPU may not
   */
  async start(): Promise<Start | undefined> {
    try {
      await this.#startCpu()
      return (await this.#startOnDevices()) ?? (await this.#startOnCpu())
    } catch (error) {
      if (this.#signal.aborted) return undefined
      throw error
    }
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort)
    await this.#crew?.close()
    this.#crew = undefined
    this.#forgetCodes()
  }

  async #startCpu(): Promise<void> {
    const { threads, onWarning } = this.#setup
    const { rows, dim } = this.#gallery
    const isSmall = rows * rows * dim <= HERE_PRODUCTS
    const useful = Math.min(threads, planTiles(rows, dim).tiles)
    this.#crew = await (isSmall ? Crew.here(onWarning) : Crew.start(useful, onWarning))
    this.#checkStopped()
  }

  /** What was started when the signal came is not closed by it. */
  #checkStopped(): void {
    if (this.#signal.aborted) throw new Error('it was stopped')
  }

  async #startOnCpu(): Promise<Start> {
    const { screening, onWarning } = this.#setup
    const crew = this.#crew!
    if (screening && !this.#isUseless) {
      const coding = await this.#plan(false)
      if (typeof coding === 'string') onWarning(`Searching by float32 tiles: ${coding}`)
      else await this.#code(coding, this.#region.strips[0]!.firstSource)
    }
    const { rows, dim } = this.#gallery
    const plan = planTiles(rows, this.#coded?.coding.codeLength ?? dim, this.#region.bandRows)
    await crew.open({ options: this.#optionsOf(plan), coded: this.#coded, device: undefined })
    return { crew, plan, units: [unitsOf(plan, this.#region, this.#done)] }
  }

  /** @returns undefined where the CPU has to search, or nothing else was asked for */
  async #startOnDevices(): Promise<Start | undefined> {
    const { devices, screening, mayFallBack, onWarning, onSharded } = this.#setup
    if (devices.length === 0 || !screening) return undefined
    const coding = await this.#plan(true)
    if (typeof coding === 'string') {
      onWarning(`Searching on the CPU: ${coding}`)
      this.#isUseless = true
      return undefined
    }
    // A device looks at tiles of all rows before it is trusted.
    const coded = await this.#code(coding, 0)
    const { rows } = this.#gallery
    const shape = { rows, codeLength: coding.codeLength }
    const { plan, shares, ownerOf } = shareTiles(shape, devices, this.#region, this.#done)
    const onCpu = this.#crew!
    try {
      this.#crew = await Crew.start(shares.length, onWarning)
      this.#checkStopped()
      const options = this.#optionsOf(plan)
      await this.#crew.open(
        ...shares.map(({ device, shards }) => ({ options, coded, device: { device, shards } })),
      )
    } catch (cause) {
      if (this.#crew !== onCpu) await this.#crew!.close()
      this.#crew = onCpu
      this.#forgetCodes()
      this.#checkStopped()
      const reason = messageOf(cause)
      if (!mayFallBack)
        throw new SearchError(
          'DEVICE',
          `Expected ${shares.length} GPU(s) to take the gallery but ${reason}. Take more of them, or the CPU: the result is the same.`,
          { cause },
        )
      onWarning(`Searching on the CPU: ${reason}`)
      return undefined
    }
    await onCpu.close()
    onSharded(shares.length)
    return { crew: this.#crew, plan, units: shares.map(({ units }) => units), ownerOf }
  }

  async #plan(onDevices: boolean): Promise<Coding | string> {
    const { threshold, wish = {} } = this.#setup
    return this.#crew!.plan({ gallery: this.#gallery, threshold, onDevices, wish })
  }

  /** @param first no row before it is looked at */
  async #code(coding: Coding, first: number): Promise<CodedGallery> {
    const { heads, axes, range } = coding
    this.#setup.onScreen({
      components: heads,
      dim: this.#gallery.dim,
      rotated: axes !== undefined,
      maxCode: range.max,
    })
    this.#coded = prepareCodes(this.#gallery, coding)
    await this.#crew!.code(this.#coded, first)
    return this.#coded
  }

  #forgetCodes(): void {
    if (this.#coded) discardCodes(this.#coded)
    this.#coded = undefined
  }

  #optionsOf({ tileRows }: TilePlan): DenseSearchOptions {
    const { threshold, listLength } = this.#setup
    return { gallery: this.#gallery, tileRows, threshold, listLength, cutoffs: this.#cutoffs }
  }
}
