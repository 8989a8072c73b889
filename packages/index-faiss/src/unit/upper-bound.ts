/** Covers the rounding of the bounds' own arithmetic and of a similarity to float32: see EXACTNESS.md. */
export const SLACK = 2 ** -22

/**
 * What the cosine of two rows cannot be above, but for `SLACK`: (2) of EXACTNESS.md.
 *
 * @param product of their codes
 * @param scale of the codes
 * @param a, b their residuals
 */
export function upperBound(product: number, scale: number, a: number, b: number): number {
  return scale * scale * product + a + b * (1 + a)
}

/** The least product of codes with which `upperBound` reaches `bound`. */
export function leastProduct(bound: number, scale: number, a: number, b: number): number {
  return (bound - a - b * (1 + a)) / (scale * scale)
}
