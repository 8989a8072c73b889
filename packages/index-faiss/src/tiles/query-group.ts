import { tailNorms, type CodeTiles } from '../gallery/code-tiles.js'
import type { GalleryData } from '../gallery/gallery.js'
import type { CodedRow } from './block-bounds.js'
import { toUnsigned } from './screen.js'
import type { Unit } from './tile-plan.js'

/** The rows of a group of query tiles, their codes as a screen wants them. */
export class QueryGroup {
  readonly #gallery: GalleryData
  readonly #codes: CodeTiles
  readonly #tileRows: number
  readonly #prefix: number
  #group = -1
  #firstRow = 0
  /** As queries: all components, and the first `prefix`. */
  #all = new Uint8Array(0)
  #prefixes = new Uint8Array(0)
  #tails = new Float64Array(0)

  /** @param prefix components that rows are screened by, from the first on */
  constructor(gallery: GalleryData, codes: CodeTiles, tileRows: number, prefix: number) {
    this.#gallery = gallery
    this.#codes = codes
    this.#tileRows = tileRows
    this.#prefix = prefix
  }

  /** Does nothing if it has the group of the unit. */
  load({ group, firstQueryTile, endQueryTile }: Unit): void {
    if (this.#group === group) return
    this.#group = group
    this.#firstRow = firstQueryTile * this.#tileRows
    const { dim } = this.#gallery
    const prefix = this.#prefix
    const rows = (endQueryTile - firstQueryTile) * this.#tileRows
    if (this.#all.length < rows * dim) {
      this.#all = new Uint8Array(rows * dim)
      this.#prefixes = new Uint8Array(prefix < dim ? rows * prefix : 0)
      this.#tails = new Float64Array(rows)
    }
    const { buffer } = this.#all
    for (let tile = firstQueryTile; tile < endQueryTile; tile++) {
      const first = (tile - firstQueryTile) * this.#tileRows
      const codes = new Int8Array(buffer, first * dim, this.#tileRows * dim)
      this.#codes.read(tile, codes)
      tailNorms(this.#gallery, tile * this.#tileRows, codes, prefix, this.#tails.subarray(first))
    }
    toUnsigned(new Int32Array(buffer, 0, (rows * dim) / 4))
    if (prefix === dim) return
    for (let row = 0; row < rows; row++) {
      this.#prefixes.set(this.#all.subarray(row * dim, row * dim + prefix), row * prefix)
    }
  }

  /**
   * Rows of the group as queries, not to be changed.
   *
   * @param components the prefix, or all
   */
  queries(row: number, rows: number, components: number): Uint8Array {
    const from = components < this.#gallery.dim ? this.#prefixes : this.#all
    const first = row - this.#firstRow
    return from.subarray(first * components, (first + rows) * components)
  }

  /** @param components that products are of: the prefix, or all */
  coded(row: number, components: number): CodedRow {
    const { dim, scales, residuals } = this.#gallery
    return {
      scale: scales[row]!,
      residual: residuals[row]!,
      tail: components < dim ? this.#tails[row - this.#firstRow]! : 0,
    }
  }
}
