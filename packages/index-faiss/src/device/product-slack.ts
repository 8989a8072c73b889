import { MAX_CODE } from '../quantize.js'

/** Up to here products of codes are below 2²⁴: float32 sums are exact, in whatever order. */
const EXACT_DIM = Math.floor(2 ** 24 / MAX_CODE ** 2)

/** What an addition may lose of the sum of what is added: tensor cores cut off where float32 rounds. */
const LOSS = 2 ** -22

/** How far float32 products of codes can be from the exact ones, as a cosine: see EXACTNESS.md. */
export function productSlack(dim: number): number {
  if (dim <= EXACT_DIM) return 0
  const longestRow = 1 + Math.sqrt(dim) / (2 * MAX_CODE)
  return dim * LOSS * longestRow ** 2
}
