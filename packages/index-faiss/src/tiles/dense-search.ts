import type { FloatRows } from '../gallery/float-rows.js'
import { similarityError } from '../similarity.js'
import { createFloatProduct, type FloatProduct } from './float-product.js'
import { raiseToListed } from './lowest-listed.js'
import type { PairDecider, PairDeciderOptions } from './pair-decider.js'

export interface DenseSearchOptions extends PairDeciderOptions {
  tileRows: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
}

/** Searches tiles by float32 products: for data of which a screen rules out little. */
export class DenseSearch {
  readonly #options: DenseSearchOptions
  readonly #rows: FloatRows
  readonly #decider: PairDecider
  #product: FloatProduct | undefined

  constructor(options: DenseSearchOptions, rows: FloatRows, decider: PairDecider) {
    this.#options = options
    this.#rows = rows
    this.#decider = decider
  }

  /** @param queryTile not behind `galleryTile` */
  async search(queryTile: number, galleryTile: number): Promise<void> {
    const { gallery, tileRows, threshold, listLength, cutoffs } = this.#options
    this.#product ??= await createFloatProduct(tileRows, gallery.dim)
    const product = this.#product
    const [sourceStart, sources] = this.#readTile(queryTile, product.queries)
    const [targetStart, targets] = this.#readTile(galleryTile, product.gallery)
    await product.run()

    const error = similarityError(gallery.dim)
    // Below these a pair is in the list of neither of its ends, here or elsewhere.
    const boundsOf = (start: number, count: number) =>
      Float64Array.from({ length: count }, (_, i) => Math.max(threshold, cutoffs[start + i]!) - error)
    const byRow = boundsOf(sourceStart, sources)
    const byColumn = boundsOf(targetStart, targets)
    const { products } = product
    // On the diagonal each row finds itself, too.
    const others = queryTile === galleryTile ? listLength + 1 : listLength
    const rowLists = { lists: sources, stride: tileRows, length: targets, step: 1 }
    const columnLists = { lists: targets, stride: 1, length: sources, step: tileRows }
    raiseToListed(products, rowLists, byRow, others, error)
    raiseToListed(products, columnLists, byColumn, others, error)
    // For the tiles that come; the bounds are lower than the lists' own ends, if anything.
    byRow.forEach((bound, i) => this.#raiseCutoff(sourceStart + i, bound))
    byColumn.forEach((bound, i) => this.#raiseCutoff(targetStart + i, bound))
    for (let row = 0; row < sources; row++) {
      const bound = byRow[row]!
      const first = queryTile === galleryTile ? row + 1 : 0
      for (let column = first, at = row * tileRows + first; column < targets; column++, at++) {
        const value = products[at]!
        if (value >= bound || value >= byColumn[column]!)
          this.#decider.decide(sourceStart + row, targetStart + column)
      }
    }
  }

  /** @returns the first row of the tile, and how many it has */
  #readTile(tile: number, into: Float32Array): [start: number, rows: number] {
    const { gallery, tileRows } = this.#options
    const start = tile * tileRows
    const end = Math.min(gallery.rows, start + tileRows)
    this.#rows.readUnits(start, end, into)
    // No comparison with NaN is true: rows that cannot be used crowd nobody out of a list.
    for (let row = start; row < end; row++) {
      if (gallery.unusable[row]) into.fill(NaN, (row - start) * gallery.dim, (row - start + 1) * gallery.dim)
    }
    return [start, end - start]
  }

  /** Another thread may do the same at once: either bound holds. */
  #raiseCutoff(row: number, bound: number): void {
    const { cutoffs } = this.#options
    if (bound > cutoffs[row]!) cutoffs[row] = bound
  }
}
