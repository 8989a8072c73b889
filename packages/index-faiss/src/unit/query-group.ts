import type { CodeTiles } from '../gallery/code-tiles.js'
import type { CodedGallery } from '../gallery/coded-gallery.js'
import { toUnsigned } from '../kernel/unsigned.js'
import type { Unit } from '../plan/tile-plan.js'

/** The rows of a group of query tiles, their codes as a kernel wants them. */
export class QueryGroup {
  readonly #gallery: CodedGallery
  readonly #codes: CodeTiles
  readonly #tileRows: number
  #group = -1
  #firstRow = 0
  #queries = new Uint8Array(0)

  constructor(gallery: CodedGallery, codes: CodeTiles, tileRows: number) {
    this.#gallery = gallery
    this.#codes = codes
    this.#tileRows = tileRows
  }

  /** Does nothing if it has the group of the unit. */
  load({ group, firstQueryTile, endQueryTile }: Unit): void {
    if (this.#group === group) return
    this.#group = group
    this.#firstRow = firstQueryTile * this.#tileRows
    const { codeLength, heads, range } = this.#gallery.coding
    const tileBytes = this.#tileRows * codeLength
    const bytes = (endQueryTile - firstQueryTile) * tileBytes
    if (this.#queries.length < bytes) this.#queries = new Uint8Array(bytes)
    const { buffer } = this.#queries
    for (let tile = firstQueryTile; tile < endQueryTile; tile++)
      this.#codes.read(tile, new Int8Array(buffer, (tile - firstQueryTile) * tileBytes, tileBytes))
    toUnsigned(new Int32Array(buffer, 0, bytes / 4), range)
    // As queries rows have the largest code where the others have those of their allowance.
    for (let start = 0; start < bytes; start += codeLength)
      this.#queries.fill(range.zero + range.max, start + heads, start + codeLength)
  }

  /** Rows of the group, not to be changed: rows × codeLength uint8. */
  queries(row: number, rows: number): Uint8Array {
    const { codeLength } = this.#gallery.coding
    const first = row - this.#firstRow
    return this.#queries.subarray(first * codeLength, (first + rows) * codeLength)
  }
}
