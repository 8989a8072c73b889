import type { EdgeBatch } from '@facekit/core'
import { PairBuffer } from '@facekit/edges'
import type { CodedGallery } from '../gallery/coded-gallery.js'
import type { FloatRows } from '../gallery/float-rows.js'
import type { GalleryData } from '../gallery/gallery.js'
import { excessOf } from '../gallery/quantize.js'
import { SLACK, upperBound } from './upper-bound.js'

export interface PairDeciderOptions {
  gallery: GalleryData
  /** float32: pairs at or above it are looked for. */
  threshold: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
  /**
   * rows × float32, shared: a similarity that the last neighbor in the list of each row is not below, as far as is known.
   * A pair below both of its ends' is in no list.
   */
  cutoffs: Float32Array
}

/** Decides pairs by their similarity, and collects those that are similar enough. */
export class PairDecider {
  readonly #options: PairDeciderOptions
  readonly #rows: FloatRows
  readonly #pairs: PairBuffer

  constructor(options: PairDeciderOptions, rows: FloatRows) {
    this.#options = options
    this.#rows = rows
    // With lists as long as the gallery every pair is in one.
    const { listLength, gallery } = options
    this.#pairs = new PairBuffer(listLength < gallery.rows - 1 ? listLength : Infinity)
  }

  decide(source: number, target: number): void {
    const { gallery, threshold } = this.#options
    if (gallery.unusable[source] || gallery.unusable[target]) return
    const cosine = this.#rows.similarity(source, target)
    if (cosine >= threshold) this.#pairs.add(source, target, cosine)
  }

  /**
   * Decides the pairs of a row with consecutive ones behind it that the products of their codes do not rule out.
   *
   * @param gallery with the codes
   * @param products of codes
   * @param productSlack how far they may be off, as a cosine
   */
  decideRun(
    { coding, allowances, rows }: CodedGallery,
    source: number,
    firstTarget: number,
    products: ArrayLike<number>,
    productSlack: number,
  ): void {
    const { threshold, cutoffs } = this.#options
    const slack = SLACK + productSlack
    const allowance = allowances[source]! + coding.leastAllowance
    const cutoff = cutoffs[source]!
    const first = Math.max(0, source + 1 - firstTarget)
    const end = Math.min(products.length, rows - firstTarget)
    for (let i = first; i < end; i++) {
      const target = firstTarget + i
      const excess = excessOf(allowances[target]!, coding)
      const upper = upperBound(products[i]!, coding.scale, allowance, excess) + slack
      if (upper < threshold || (upper < cutoff && upper < cutoffs[target]!)) continue
      this.decide(source, target)
    }
  }

  /** The pairs since the last call. */
  take(): EdgeBatch {
    return this.#pairs.take()
  }
}
