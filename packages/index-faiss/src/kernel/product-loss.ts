import type { Coding } from '../gallery/coded-gallery.js'
import { tailUnit } from '../gallery/quantize.js'

/** What an addition may lose of the magnitudes that are added: tensor cores cut off where float32 rounds. */
const LOSS = 2 ** -22

/**
 * How far a float32 product of codes can be from the exact one: see EXACTNESS.md. Sums below 2²⁴ are exact, in whatever
 * order.
 *
 * @param lengths product of the L2 norms of the codes
 */
export function productLoss({ components, range }: Coding, lengths: number): number {
  return components * range.max ** 2 <= 2 ** 24 ? 0 : components * LOSS * lengths
}

/**
 * The same as a cosine, for any two rows of a gallery.
 *
 * @param largestResidual of its rows
 */
export function productSlack(coding: Coding, largestResidual: number): number {
  const longest = 1 + largestResidual + tailUnit(coding)
  return productLoss(coding, longest ** 2)
}
