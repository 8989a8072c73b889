import type { Device } from '@facekit/core'
import { PartRunner, PROVIDER_NAMES } from '@facekit/devices'
import { messageOf } from '../errors.js'
import { CodeTiles } from '../gallery/code-tiles.js'
import { FloatRows } from '../gallery/float-rows.js'
import { SLACK } from '../tiles/block-bounds.js'
import { choosePrefix } from '../tiles/choose-prefix.js'
import type { FlaggedBlock } from '../tiles/code-screen.js'
import { DenseSearch, type DenseSearchOptions } from '../tiles/dense-search.js'
import { PairDecider } from '../tiles/pair-decider.js'
import { QueryGroup } from '../tiles/query-group.js'
import { BLOCK_COLUMNS, createScreen, ZERO_CODE } from '../tiles/screen.js'
import { queryTilesOf, type Unit } from '../tiles/tile-plan.js'
import type { UnitResult, UnitSearch } from '../tiles/unit-search.js'
import { HeldTiles, type HeldTile, type HeldTilesOptions } from './held-tiles.js'
import { productLoss, productSlack } from './product-loss.js'

export interface DeviceSearchOptions extends DenseSearchOptions, HeldTilesOptions {}

/** Rows of a tile that the host computes. */
const HOST_TILE_ROWS = 512

/** Where more blocks have to be looked at on the host, it had better compute all of them. */
const MAX_FLAGGED_SHARE = 1 / 2

/**
 * Searches gallery tiles that stay in the memory of a device, query tiles streaming through. Back come the largest
 * product of each row, and what there is of rows where it may belong to a pair; the pairs are decided on the host.
 */
export class DeviceSearch implements UnitSearch {
  readonly #options: DeviceSearchOptions
  readonly #isStopped: () => boolean
  readonly #codes: CodeTiles
  readonly #queries: QueryGroup
  /** Undefined where the device is of no use. */
  readonly #held: HeldTiles | undefined
  readonly #rows: FloatRows
  readonly #decider: PairDecider
  readonly #dense: DenseSearch
  readonly #hostTileRows: number
  /** Runs what the memory of the device has room for. */
  readonly #parts: PartRunner
  readonly #prefix: number
  /** What the upper bound of a pair's cosine must reach. */
  readonly #bound: number

  private constructor(
    options: DeviceSearchOptions,
    isStopped: () => boolean,
    codes: CodeTiles,
    prefix: number,
    held: HeldTiles | undefined,
    parts: PartRunner,
  ) {
    const { gallery, tileRows, threshold } = options
    this.#options = options
    this.#isStopped = isStopped
    this.#codes = codes
    this.#prefix = prefix
    this.#held = held
    this.#parts = parts
    this.#queries = new QueryGroup(gallery, codes, tileRows, prefix)
    this.#rows = new FloatRows(gallery)
    const slack = productSlack(gallery.dim)
    this.#bound = threshold - SLACK - slack
    this.#decider = new PairDecider(options, this.#rows, slack)
    this.#hostTileRows = Math.min(HOST_TILE_ROWS, tileRows)
    this.#dense = new DenseSearch({ ...options, tileRows: this.#hostTileRows }, this.#rows, this.#decider)
  }

  /**
   * @param isStopped asked now and then: whether to leave it
   * @param onWarning told in one line when the memory of the device is short
   * @throws Error where the device has no room for its tiles, or computes wrongly
   */
  static async create(
    options: DeviceSearchOptions,
    isStopped: () => boolean,
    onWarning: (text: string) => void,
  ): Promise<DeviceSearch> {
    const { gallery, device, tileRows } = options
    const hostScreen = await createScreen(HOST_TILE_ROWS, gallery.dim)
    const { prefix, flaggedShare } = await choosePrefix(
      { ...options, tileRows: HOST_TILE_ROWS },
      hostScreen,
      tileRows,
    )
    const isUseless = gallery.rows > 2 * HOST_TILE_ROWS && flaggedShare > MAX_FLAGGED_SHARE
    const codes = new CodeTiles(gallery, tileRows)
    const parts = new PartRunner(tileRows, true, (limit) =>
      onWarning(`${nameOf(device)} is short of memory: ${limit} rows at a time`),
    )
    try {
      const held = isUseless ? undefined : await HeldTiles.create(options, codes, prefix, parts, isStopped)
      return new DeviceSearch(options, isStopped, codes, prefix, held, parts)
    } catch (cause) {
      codes.close()
      throw new Error(`${nameOf(device)} cannot search its share: ${gist(cause)}`, { cause })
    }
  }

  /** The host would have to look at most of it: the CPU had better do all. */
  get unfit(): string | undefined {
    return this.#held ? undefined : 'the bounds of 8-bit codes rule out too little'
  }

  async search(unit: Unit, screening: boolean): Promise<UnitResult> {
    const tiles = queryTilesOf(unit)
    const held = screening ? this.#held?.get(unit.galleryTile) : undefined
    const dense = held ? await this.#screen(unit, tiles, held) : tiles
    for (const tile of dense) await this.#searchOnHost(tile, unit.galleryTile)
    return { pairs: this.#decider.take(), tiles: tiles.length, denseTiles: dense.length }
  }

  async close(): Promise<void> {
    await this.#held?.release()
    this.#codes.close()
    this.#rows.close()
  }

  /** @returns query tiles that it left, because so much was flagged that float32 products cost less */
  async #screen(unit: Unit, tiles: readonly number[], held: HeldTile): Promise<number[]> {
    this.#queries.load(unit)
    try {
      const rows: number[] = []
      for (const tile of tiles) if (!this.#isStopped()) await this.#flagRows(tile, unit, held, rows)
      const { flagged, dense } = await this.#flagBlocks(rows, unit, held)
      await this.#decideBlocks(flagged, unit, held)
      return dense
    } catch (cause) {
      throw new Error(`${nameOf(this.#options.device)} failed: ${gist(cause)}`, { cause })
    }
  }

  /** Adds the rows of a query tile that may have a pair in the gallery tile. */
  async #flagRows(
    queryTile: number,
    { galleryTile }: Unit,
    { resident, tileBounds }: HeldTile,
    rows: number[],
  ): Promise<void> {
    const { gallery, tileRows } = this.#options
    const first = queryTile * tileRows
    const count = Math.min(tileRows, gallery.rows - first)
    await this.#parts.run(count, async (start, partRows) => {
      const queries = this.#queries.queries(first + start, partRows, this.#prefix)
      const maxima = await resident.rowMaxima(galleryTile, queries, this.#prefix)
      if (queryTile === galleryTile) this.#expectOwnProducts(queries, maxima)
      for (let i = 0; i < partRows; i++) {
        const row = first + start + i
        const coded = this.#queries.coded(row, this.#prefix)
        tileBounds.forEachReaching(coded, maxima, i, this.#bound, 0, () => rows.push(row))
      }
    })
  }

  /** On the diagonal the largest product of a row is not below its product with itself: a device that lost some is found. */
  #expectOwnProducts(queries: Uint8Array, maxima: Float32Array): void {
    const { dim } = this.#options.gallery
    maxima.forEach((got, i) => {
      let own = 0
      for (let at = i * this.#prefix; at < (i + 1) * this.#prefix; at++)
        own += (queries[at]! - ZERO_CODE) ** 2
      if (!(got >= own - productLoss(dim, own)))
        throw new Error(`it computes ${got} for a largest product that is ${own} at least`)
    })
  }

  /** The blocks of these rows that may hold a pair, but for query tiles where there are too many of them. */
  async #flagBlocks(
    rows: readonly number[],
    { galleryTile }: Unit,
    { resident, blockBounds }: HeldTile,
  ): Promise<{ flagged: FlaggedBlock[]; dense: number[] }> {
    const { gallery, tileRows } = this.#options
    const blocks = tileRows / BLOCK_COLUMNS
    const ofTiles = new Map<number, FlaggedBlock[]>()
    const dense = new Set<number>()
    await this.#parts.run(rows.length, async (start, count) => {
      const part = rows.slice(start, start + count)
      const maxima = await resident.blockMaxima(galleryTile, this.#queriesOf(part))
      part.forEach((source, i) => {
        const tile = Math.floor(source / tileRows)
        if (dense.has(tile)) return
        const found = ofTiles.get(tile) ?? []
        ofTiles.set(tile, found)
        const behind = source - galleryTile * tileRows
        const firstBlock = Math.max(0, Math.floor(behind / BLOCK_COLUMNS))
        const coded = this.#queries.coded(source, gallery.dim)
        blockBounds.forEachReaching(coded, maxima, i * blocks, this.#bound, firstBlock, (block) =>
          found.push({ source, block }),
        )
        // On the diagonal half of the blocks are behind it, and each row finds itself.
        const most = MAX_FLAGGED_SHARE * tileRows * blocks
        if (found.length <= (tile === galleryTile ? most / 2 + tileRows : most)) return
        dense.add(tile)
        ofTiles.delete(tile)
      })
    })
    return { flagged: [...ofTiles.values()].flat(), dense: [...dense] }
  }

  async #decideBlocks(
    flagged: readonly FlaggedBlock[],
    { galleryTile }: Unit,
    { resident }: HeldTile,
  ): Promise<void> {
    const { tileRows } = this.#options
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
    const ratio = tileRows / this.#hostTileRows
    const hostTiles = (tile: number) => {
      const end = Math.min((tile + 1) * ratio, Math.ceil(gallery.rows / this.#hostTileRows))
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
}

function nameOf({ provider, index }: Device): string {
  return `${PROVIDER_NAMES[provider]} device ${index}`
}

function gist(error: unknown): string {
  return messageOf(error).split('\n')[0]!
}
