import { CodeTiles, tailNorms, transpose } from '../gallery/code-tiles.js'
import type { GalleryData } from '../gallery/gallery.js'
import { BlockBounds, SLACK } from './block-bounds.js'
import { QueryGroup } from './query-group.js'
import { BLOCK_COLUMNS, type Screen } from './screen.js'
import type { Unit } from './tile-plan.js'

/**
 * Whether so many blocks of a tile are flagged that a float32 product costs less than deciding pairs one by one: one in
 * each row. On the diagonal each row finds itself, too.
 */
export function isDense(flaggedBlocks: number, tileRows: number, onDiagonal: boolean): boolean {
  return flaggedBlocks > tileRows * (onDiagonal ? 2 : 1)
}

/** A row and a run of `BLOCK_COLUMNS` columns of the gallery tile, among which may be a pair. */
export interface FlaggedBlock {
  source: number
  block: number
}

export interface CodeScreenOptions {
  gallery: GalleryData
  tileRows: number
  /** float32: pairs at or above it are looked for. */
  threshold: number
  /** Components that tiles are screened by, from the first on. */
  prefix: number
}

/** Tells which rows and blocks of columns may hold pairs, by products of codes. */
export class CodeScreen {
  readonly #options: CodeScreenOptions
  readonly #screen: Screen
  readonly #codes: CodeTiles
  readonly #queries: QueryGroup
  readonly #bounds: BlockBounds
  /** tileRows × dim int8, for codes on their way. */
  readonly #tileCodes: Int8Array
  readonly #tileTails: Float64Array
  /** tileRows × dim uint8: the rows that are followed up, as queries. */
  readonly #followed: Uint8Array

  constructor(options: CodeScreenOptions, screen: Screen) {
    const { gallery, tileRows, prefix } = options
    this.#options = options
    this.#screen = screen
    this.#codes = new CodeTiles(gallery, tileRows)
    this.#queries = new QueryGroup(gallery, this.#codes, tileRows, prefix)
    this.#bounds = new BlockBounds(tileRows / BLOCK_COLUMNS, BLOCK_COLUMNS)
    this.#tileCodes = new Int8Array(tileRows * gallery.dim)
    this.#tileTails = new Float64Array(tileRows)
    this.#followed = new Uint8Array(tileRows * gallery.dim)
  }

  /** To be called before the tiles of a unit are screened. */
  load(unit: Unit): void {
    const { gallery, tileRows, prefix } = this.#options
    this.#queries.load(unit)
    this.#codes.read(unit.galleryTile, this.#tileCodes)
    transpose(this.#tileCodes, tileRows, gallery.dim, this.#screen.columns)
    const start = unit.galleryTile * tileRows
    tailNorms(gallery, start, this.#tileCodes, prefix, this.#tileTails)
    this.#bounds.load(gallery, start, this.#tileTails)
  }

  /**
   * The blocks of a tile that may hold a pair.
   *
   * @param components that products are of: the prefix, or all
   */
  async flag(queryTile: number, unit: Unit, components: number): Promise<FlaggedBlock[]> {
    const { gallery, tileRows, threshold } = this.#options
    const start = queryTile * tileRows
    const maxima = await this.#screen.maxima(this.#queries.queries(start, tileRows, components), components)
    const onDiagonal = queryTile === unit.galleryTile
    const blocks = tileRows / BLOCK_COLUMNS
    const flagged: FlaggedBlock[] = []
    const rows = Math.min(tileRows, gallery.rows - start)
    for (let row = 0; row < rows; row++) {
      const source = start + row
      const firstBlock = onDiagonal ? Math.floor(row / BLOCK_COLUMNS) : 0
      const coded = this.#queries.coded(source, components)
      this.#bounds.forEachReaching(coded, maxima, row * blocks, threshold - SLACK, firstBlock, (block) =>
        flagged.push({ source, block }),
      )
    }
    return flagged
  }

  /**
   * Multiplies the rows of flagged blocks with all of the gallery tile.
   *
   * @param flagged of the unit that is loaded, the blocks of a row one after the other
   * @param see is given each block with the products of its columns, all components
   */
  async followUp(
    flagged: readonly FlaggedBlock[],
    see: (block: FlaggedBlock, products: Int32Array) => void,
  ): Promise<void> {
    const { gallery, tileRows } = this.#options
    const { dim } = gallery
    for (let at = 0; at < flagged.length;) {
      const part: { flaggedBlock: FlaggedBlock; row: number }[] = []
      let rows = 0
      for (let last = -1; at < flagged.length; at++) {
        const flaggedBlock = flagged[at]!
        const { source } = flaggedBlock
        if (source !== last) {
          if (rows === tileRows) break
          this.#followed.set(this.#queries.queries(source, 1, dim), rows * dim)
          rows++
          last = source
        }
        part.push({ flaggedBlock, row: rows - 1 })
      }
      const products = await this.#screen.products(this.#followed.subarray(0, rows * dim))
      for (const { flaggedBlock, row } of part) {
        const start = row * tileRows + flaggedBlock.block * BLOCK_COLUMNS
        see(flaggedBlock, products.subarray(start, start + BLOCK_COLUMNS))
      }
    }
  }

  close(): void {
    this.#codes.close()
  }
}
