import type { Device } from '@facekit/core'
import { PartRunner, PROVIDER_NAMES } from '@facekit/devices'
import { BlockBounds, SLACK } from '../block-bounds.js'
import { choosePrefix, type PrefixChoice } from '../choose-prefix.js'
import { isDense, type FlaggedBlock } from '../code-screen.js'
import { CodeTiles, tailNorms } from '../code-tiles.js'
import { DenseSearch, type DenseSearchOptions } from '../dense-search.js'
import { FloatRows } from '../float-rows.js'
import type { GalleryData } from '../gallery.js'
import { PairDecider } from '../pair-decider.js'
import { QueryGroup } from '../query-group.js'
import { MAX_CODE } from '../quantize.js'
import { BLOCK_COLUMNS, createScreen } from '../screen.js'
import { queryTilesOf, type Unit } from '../tile-plan.js'
import type { UnitResult, UnitSearch } from '../unit-search.js'
import { checkProducts } from './check-products.js'
import { productSlack } from './product-slack.js'
import { ResidentTiles } from './resident-tiles.js'

export interface DeviceSearchOptions extends DenseSearchOptions {
  device: Device
  /** Gallery tiles of each shard that the device holds. */
  shards: readonly (readonly number[])[]
  /** One number, shared: 1 when the search is to end. */
  stop: Int32Array
}

/** Rows of a tile that the host computes. */
const HOST_TILE_ROWS = 512

/** Where most blocks have to be looked at on the host, the CPU had better do all of it. Few rows tell nothing. */
function isHopeless({ rows }: GalleryData, flaggedShare: number): boolean {
  return rows > 2 * HOST_TILE_ROWS && flaggedShare > 1 / 2
}

/** A gallery tile that a device holds. */
interface HeldTile {
  resident: ResidentTiles
  /** Of the whole tile, and of its blocks. */
  tileBounds: BlockBounds
  blockBounds: BlockBounds
}

/**
 * Searches gallery tiles that stay in the memory of a device, query tiles streaming through. Back come the largest
 * product of each row, and what there is of rows where it may belong to a pair; the pairs are decided on the host.
 */
export class DeviceSearch implements UnitSearch {
  readonly #options: DeviceSearchOptions
  readonly #codes: CodeTiles
  readonly #queries: QueryGroup
  readonly #held: ReadonlyMap<number, HeldTile>
  readonly #rows: FloatRows
  readonly #decider: PairDecider
  readonly #dense: DenseSearch
  /** Runs what the memory of the device has room for. */
  readonly #parts: PartRunner
  readonly #prefix: number
  /** What the upper bound of a pair's cosine must reach. */
  readonly #bound: number
  readonly unfit: string | undefined

  private constructor(
    options: DeviceSearchOptions,
    codes: CodeTiles,
    held: ReadonlyMap<number, HeldTile>,
    { prefix, flaggedShare }: PrefixChoice,
    onWarning: (text: string) => void,
  ) {
    const { gallery, tileRows, threshold, device } = options
    this.#options = options
    this.#codes = codes
    this.#held = held
    this.#prefix = prefix
    if (isHopeless(gallery, flaggedShare)) this.unfit = 'too many pairs are near the threshold'
    this.#queries = new QueryGroup(gallery, codes, tileRows, this.#prefix)
    this.#rows = new FloatRows(gallery)
    const slack = productSlack(gallery.dim)
    this.#bound = threshold - SLACK - slack
    this.#decider = new PairDecider(options, this.#rows, slack)
    const hostTileRows = Math.min(HOST_TILE_ROWS, tileRows)
    this.#dense = new DenseSearch({ ...options, tileRows: hostTileRows }, this.#rows, this.#decider)
    this.#parts = new PartRunner(tileRows, true, (limit) =>
      onWarning(`${nameOf(device)} is short of memory: ${limit} rows at a time`),
    )
  }

  /**
   * @param onWarning told in one line when the memory of the device is short
   * @throws Error where the device cannot hold its tiles, or computes wrongly
   */
  static async create(
    options: DeviceSearchOptions,
    onWarning: (text: string) => void,
  ): Promise<DeviceSearch> {
    const { gallery, device, shards, tileRows } = options
    const { dim } = gallery
    const hostScreen = await createScreen(HOST_TILE_ROWS, dim)
    const choice = await choosePrefix({ ...options, tileRows: HOST_TILE_ROWS }, hostScreen)
    const codes = new CodeTiles(gallery, tileRows)
    const held = new Map<number, HeldTile>()
    // Where the device is of no use, it need not hold anything.
    if (isHopeless(gallery, choice.flaggedShare))
      return new DeviceSearch(options, codes, held, choice, onWarning)
    const tileCodes = new Int8Array(tileRows * dim)
    const tails = new Float64Array(tileRows)
    try {
      for (const tiles of shards.filter(({ length }) => length > 0)) {
        const resident = await ResidentTiles.create(device, codes, tiles, { tileRows, dim })
        for (const tile of tiles) {
          codes.read(tile, tileCodes)
          tailNorms(gallery, tile * tileRows, tileCodes, choice.prefix, tails)
          const tileBounds = new BlockBounds(1, tileRows)
          const blockBounds = new BlockBounds(tileRows / BLOCK_COLUMNS, BLOCK_COLUMNS)
          for (const bounds of [tileBounds, blockBounds]) bounds.load(gallery, tile * tileRows, tails)
          held.set(tile, { resident, tileBounds, blockBounds })
        }
        codes.read(tiles[0]!, tileCodes)
        const error = productSlack(dim) * dim * MAX_CODE ** 2
        await checkProducts(resident, tiles[0]!, tileCodes, dim, error)
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.split('\n')[0]! : String(cause)
      throw new Error(`${nameOf(device)} cannot search its share: ${reason}`, { cause })
    }
    return new DeviceSearch(options, codes, held, choice, onWarning)
  }

  async search(unit: Unit, screening: boolean): Promise<UnitResult> {
    const tiles = queryTilesOf(unit)
    const dense = new Set(screening ? [] : tiles)
    if (screening) {
      this.#queries.load(unit)
      const rows: number[] = []
      for (const tile of tiles) if (!this.#isStopped()) await this.#flagRows(tile, unit, rows)
      const flagged = await this.#flagBlocks(rows, unit)
      for (const tile of this.#denseTiles(flagged, unit)) dense.add(tile)
      await this.#decideBlocks(
        flagged.filter(({ source }) => !dense.has(this.#tileOf(source))),
        unit,
      )
    }
    for (const tile of dense) await this.#searchOnHost(tile, unit.galleryTile)
    return { pairs: this.#decider.take(), tiles: tiles.length, denseTiles: dense.size }
  }

  async close(): Promise<void> {
    const residents = new Set([...this.#held.values()].map(({ resident }) => resident))
    for (const resident of residents) await resident.release()
    this.#codes.close()
    this.#rows.close()
  }

  /** Adds the rows of a query tile that may have a pair in the gallery tile. */
  async #flagRows(queryTile: number, { galleryTile }: Unit, rows: number[]): Promise<void> {
    const { gallery, tileRows } = this.#options
    const { resident, tileBounds } = this.#held.get(galleryTile)!
    const first = queryTile * tileRows
    const count = Math.min(tileRows, gallery.rows - first)
    await this.#parts.run(count, async (start, partRows) => {
      const queries = this.#queries.queries(first + start, partRows, this.#prefix)
      const maxima = await resident.rowMaxima(galleryTile, queries, this.#prefix)
      for (let i = 0; i < partRows; i++) {
        const row = first + start + i
        const coded = this.#queries.coded(row, this.#prefix)
        tileBounds.forEachReaching(coded, maxima, i, this.#bound, 0, () => rows.push(row))
      }
    })
  }

  /** The blocks of these rows that may hold a pair. */
  async #flagBlocks(rows: readonly number[], { galleryTile }: Unit): Promise<FlaggedBlock[]> {
    const { gallery, tileRows } = this.#options
    const { resident, blockBounds } = this.#held.get(galleryTile)!
    const blocks = tileRows / BLOCK_COLUMNS
    const flagged: FlaggedBlock[] = []
    await this.#parts.run(rows.length, async (start, count) => {
      const part = rows.slice(start, start + count)
      const maxima = await resident.blockMaxima(galleryTile, this.#queriesOf(part))
      part.forEach((source, i) => {
        const behind = source - galleryTile * tileRows
        const firstBlock = Math.max(0, Math.floor(behind / BLOCK_COLUMNS))
        const coded = this.#queries.coded(source, gallery.dim)
        blockBounds.forEachReaching(coded, maxima, i * blocks, this.#bound, firstBlock, (block) =>
          flagged.push({ source, block }),
        )
      })
    })
    return flagged
  }

  /** Query tiles of which so much was flagged that float32 products cost less. */
  #denseTiles(flagged: readonly FlaggedBlock[], { galleryTile }: Unit): number[] {
    const counts = new Map<number, number>()
    for (const { source } of flagged) {
      const tile = this.#tileOf(source)
      counts.set(tile, (counts.get(tile) ?? 0) + 1)
    }
    const { tileRows } = this.#options
    return [...counts]
      .filter(([tile, count]) => isDense(count, tileRows, tile === galleryTile))
      .map(([tile]) => tile)
  }

  async #decideBlocks(flagged: readonly FlaggedBlock[], { galleryTile }: Unit): Promise<void> {
    const { tileRows } = this.#options
    const { resident } = this.#held.get(galleryTile)!
    const blocks = tileRows / BLOCK_COLUMNS
    await this.#parts.run(flagged.length, async (start, count) => {
      const part = flagged.slice(start, start + count)
      const rows = [...new Set(part.map(({ source }) => source))]
      const indexOf = new Map(rows.map((row, index) => [row, index]))
      const picks = part.map(({ source, block }) => indexOf.get(source)! * blocks + block)
      const products = await resident.picked(galleryTile, this.#queriesOf(rows), picks)
      part.forEach(({ source, block }, i) => {
        const ofBlock = products.subarray(i * BLOCK_COLUMNS, (i + 1) * BLOCK_COLUMNS)
        this.#decider.decideRun(source, galleryTile * tileRows + block * BLOCK_COLUMNS, ofBlock)
      })
    })
  }

  /** A tile in as many smaller ones as the host wants. */
  async #searchOnHost(queryTile: number, galleryTile: number): Promise<void> {
    const { gallery, tileRows } = this.#options
    const hostTileRows = Math.min(HOST_TILE_ROWS, tileRows)
    const ratio = tileRows / hostTileRows
    const hostTiles = (tile: number) => {
      const end = Math.min((tile + 1) * ratio, Math.ceil(gallery.rows / hostTileRows))
      return Array.from({ length: end - tile * ratio }, (_, i) => tile * ratio + i)
    }
    for (const query of hostTiles(queryTile)) {
      for (const target of hostTiles(galleryTile)) {
        if (query <= target && !this.#isStopped()) await this.#dense.search(query, target)
      }
    }
  }

  #queriesOf(rows: readonly number[]): Uint8Array {
    const { dim } = this.#options.gallery
    const queries = new Uint8Array(rows.length * dim)
    rows.forEach((row, i) => queries.set(this.#queries.queries(row, 1, dim), i * dim))
    return queries
  }

  #tileOf(row: number): number {
    return Math.floor(row / this.#options.tileRows)
  }

  #isStopped(): boolean {
    return Atomics.load(this.#options.stop, 0) === 1
  }
}

function nameOf({ provider, index }: Device): string {
  return `${PROVIDER_NAMES[provider]} device ${index}`
}
