import { MAX_CODE } from '../gallery/quantize.js'

/** Up to here products of codes are below 2²⁴: float32 sums are exact, in whatever order. */
const EXACT_DIM = Math.floor(2 ** 24 / MAX_CODE ** 2)

/** What an addition may lose of the magnitudes that are added: tensor cores cut off where float32 rounds. */
const LOSS = 2 ** -22

/**
 * How far a float32 product of codes can be from the exact one: see EXACTNESS.md.
 *
 * @param lengths product of the L2 norms of the codes
 */
export function productLoss(dim: number, lengths: number): number {
  return dim <= EXACT_DIM ? 0 : dim * LOSS * lengths
}

/** The same as a cosine, for rows of any codes. */
export function productSlack(dim: number): number {
  const longestRow = 1 + Math.sqrt(dim) / (2 * MAX_CODE)
  return productLoss(dim, longestRow ** 2)
}
