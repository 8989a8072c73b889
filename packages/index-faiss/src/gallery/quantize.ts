import type { Coding } from './coded-gallery.js'

/** Covers the rounding of float64 arithmetic here, and of what is stored to float32. */
const ROUNDING = 1 + 2 ** -20
const LENGTH_ROUNDING = 1 - 2 ** -30

/**
 * Length of what lies outside the coded components of a row of length 1, rounded up.
 *
 * @param length of the coded components as computed
 * @param error how far they may be from the exact ones
 */
export function tailOf(length: number, error: number): number {
  const least = Math.max(0, length * LENGTH_ROUNDING - error)
  return Math.sqrt(Math.max(0, 1 - least * least)) * ROUNDING
}

/** What the codes of a tail stand for, each: `tails` of them as long as the tail together. */
export function tailUnit({ scale, tails }: Pick<Coding, 'scale' | 'tails'>): number {
  return scale * Math.sqrt(tails)
}

/**
 * Codes a row: its components are rounded to multiples of the scale, its tail is rounded up. The product of two rows of
 * codes is then that of their coded components and, by Cauchy–Schwarz, at least what the rest of them may add.
 *
 * @param row `heads` float32: the components of a row of length 1
 * @param codes `components` int8, written
 * @returns how far scale · codes are from the row, rounded up: see EXACTNESS.md
 */
export function quantizeRow(
  row: Float32Array,
  { range, scale, heads, tails, axesError }: Coding,
  codes: Int8Array,
): number {
  const { max } = range
  const toCode = 1 / scale
  let errors = 0
  let squares = 0
  for (let i = 0; i < heads; i++) {
    const value = row[i]!
    // Rounds to the nearest: what is truncated is positive. A component beyond the largest code counts as an error.
    let code = value * toCode
    code = code > max ? max : code < -max ? -max : ((code + 128.5) | 0) - 128
    codes[i] = code
    const error = value - code * scale
    errors += error * error
    squares += value * value
  }
  const residual = Math.sqrt(errors) + axesError
  if (tails === 0) return residual * ROUNDING
  const tail = tailOf(Math.sqrt(squares), axesError)
  const unit = tailUnit({ scale, tails })
  const code = Math.min(max, Math.ceil((tail / unit) * ROUNDING))
  codes.fill(code, heads)
  // What no code can stand for.
  const excess = Math.max(0, tail - code * unit * LENGTH_ROUNDING)
  return (residual + excess) * ROUNDING
}
