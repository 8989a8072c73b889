/** Codes are symmetric, so that a row and its negative have the same error. */
export const MAX_CODE = 127

/** Covers the rounding of `quantizeRow`'s own float64 arithmetic and of the result to float32. */
const ROUNDING = 1 + 2 ** -20

/**
 * Rounds a row of length 1 to multiples of `scale`.
 *
 * @param embedding dim float32
 * @param length its L2 norm
 * @param scale what a code of 1 stands for: the largest component over `MAX_CODE`, so that no code is larger
 * @param codes dim int8, written
 * @returns L2 norm of the difference between the row and scale · codes, rounded up
 */
export function quantizeRow(
  embedding: Float32Array,
  length: number,
  scale: number,
  codes: Int8Array,
): number {
  const toUnit = 1 / length
  const toCode = 1 / (length * scale)
  // Two sums, because one would make each addition wait for the one before.
  let even = 0
  let odd = 0
  let i = 0
  for (; i + 1 < embedding.length; i += 2) {
    const a = embedding[i]!
    const b = embedding[i + 1]!
    // Rounds to the nearest: what is truncated is positive.
    const codeA = ((a * toCode + 128.5) | 0) - 128
    const codeB = ((b * toCode + 128.5) | 0) - 128
    codes[i] = codeA
    codes[i + 1] = codeB
    const errorA = a * toUnit - codeA * scale
    const errorB = b * toUnit - codeB * scale
    even += errorA * errorA
    odd += errorB * errorB
  }
  if (i < embedding.length) {
    const code = ((embedding[i]! * toCode + 128.5) | 0) - 128
    codes[i] = code
    even += (embedding[i]! * toUnit - code * scale) ** 2
  }
  return Math.sqrt(even + odd) * ROUNDING
}
