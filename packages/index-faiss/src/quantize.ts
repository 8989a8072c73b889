/** Codes are symmetric, so that a row and its negative have the same error. */
export const MAX_CODE = 127

/** Covers the rounding of `quantizeRow`'s own float64 arithmetic and of the result to float32. */
const ROUNDING = 1 + 2 ** -20

/**
 * Rounds a row of length 1 to multiples of `scale`.
 *
 * @param embedding dim float32
 * @param length its L2 norm
 * @param scale what a code of 1 stands for
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
  let squares = 0
  for (let i = 0; i < embedding.length; i++) {
    const value = embedding[i]!
    // Rounds to the nearest: what is truncated is positive.
    let code = ((value * toCode + 128.5) | 0) - 128
    if (code > MAX_CODE) code = MAX_CODE
    else if (code < -MAX_CODE) code = -MAX_CODE
    codes[i] = code
    const error = value * toUnit - code * scale
    squares += error * error
  }
  return Math.sqrt(squares) * ROUNDING
}
