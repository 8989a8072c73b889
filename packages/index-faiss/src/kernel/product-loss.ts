import type { Coding } from '../gallery/coded-gallery.js'

/** What an addition may lose of the magnitudes that are added: tensor cores cut off where float32 rounds. */
const LOSS = 2 ** -22

/**
 * How far a float32 product of codes can be from the exact one: see EXACTNESS.md. Sums below 2²⁴ are exact, in whatever
 * order.
 *
 * @param lengths product of the L2 norms of the codes
 */
export function productLoss({ codeLength, range }: Coding, lengths: number): number {
  return codeLength * range.max ** 2 <= 2 ** 24 ? 0 : codeLength * LOSS * lengths
}

/**
 * The same as a cosine, for any two rows of a gallery.
 *
 * @param largestAllowance of its rows: no row of codes is further from its components
 */
export function productSlack(coding: Coding, largestAllowance: number): number {
  const { range, scale, codeLength, heads } = coding
  const ofAllowance = (codeLength - heads) * (scale * range.max) ** 2
  return productLoss(coding, (1 + largestAllowance) ** 2 + ofAllowance)
}
