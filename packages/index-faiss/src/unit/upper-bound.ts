/** Covers the rounding of the bounds' own arithmetic and of a similarity to float32: see EXACTNESS.md. */
export const SLACK = 2 ** -22

/**
 * What the cosine of a row with another cannot be above, but for `SLACK`: (3) of EXACTNESS.md.
 *
 * @param product of the row's codes as a query with those of the other, or the largest of several
 * @param allowance of the row, and the least of the gallery
 * @param excess of the other, or the largest of theirs
 */
export function upperBound(product: number, scale: number, allowance: number, excess: number): number {
  return scale * scale * product + allowance + excess
}

/** The product below which `upperBound` is below `bound`. */
export function leastProduct(bound: number, scale: number, allowance: number, excess: number): number {
  return (bound - allowance - excess) / (scale * scale)
}
