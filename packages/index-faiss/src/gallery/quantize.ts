import type { Coding } from './coded-gallery.js'

/** Covers the rounding of float64 arithmetic here, and of what is stored to float32. */
const ROUNDING = 1 + 2 ** -20
const LENGTH_ROUNDING = 1 - 2 ** -30

/**
 * Square of the length of what lies outside the coded components of a row of length 1, rounded up.
 *
 * @param length of the coded components as computed
 * @param error how far they may be from the exact ones
 */
export function squaredTail(length: number, error: number): number {
  const least = Math.max(0, length * LENGTH_ROUNDING - error)
  return Math.max(0, 1 - least * least)
}

/**
 * What a row adds to the bound of each of its cosines: see (2) of EXACTNESS.md.
 *
 * @param residual how far its codes are from its components, as an L2 norm
 * @param tail square of the length of what is not coded
 */
export function allowanceOf(residual: number, tail: number): number {
  return residual + (residual * residual + tail) / 2
}

/**
 * Codes the components of a row: rounded to multiples of the scale.
 *
 * @param row `heads` float32: components of a row of length 1
 * @param codes `heads` int8, written
 * @returns the row's allowance, rounded up
 */
export function quantizeRow(
  row: Float32Array,
  { range, scale, heads, isWhole, axesError }: Omit<Coding, 'leastAllowance' | 'codeLength'>,
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
  const tail = isWhole ? 0 : squaredTail(Math.sqrt(squares), axesError)
  return allowanceOf((Math.sqrt(errors) + axesError) * ROUNDING, tail) * ROUNDING
}

/**
 * Codes what a row's allowance is above the least, rounded up, so that products with `max` add it: then one number rules out
 * rows of different allowances.
 *
 * @param codes codeLength − heads int8, written
 */
export function quantizeAllowance(allowance: number, coding: AllowanceCoding, codes: Int8Array): void {
  const { max } = coding.range
  let left = stepsOf(allowance, coding)
  for (let i = 0; i < codes.length; i++) {
    codes[i] = Math.min(max, left)
    left -= codes[i]!
  }
}

/**
 * What the codes of an allowance cannot stand for; 0 nearly always.
 *
 * @param allowance the number that was coded
 */
export function excessOf(allowance: number, coding: AllowanceCoding): number {
  const coded = stepsOf(allowance, coding) * stepSize(coding)
  return Math.max(0, above(allowance, coding) - coded * LENGTH_ROUNDING)
}

type AllowanceCoding = Pick<Coding, 'range' | 'scale' | 'leastAllowance' | 'heads' | 'codeLength'>

/** The sum of an allowance's codes. */
function stepsOf(allowance: number, coding: AllowanceCoding): number {
  const { range, heads, codeLength } = coding
  return Math.min(Math.ceil(above(allowance, coding) / stepSize(coding)), range.max * (codeLength - heads))
}

function stepSize({ scale, range }: AllowanceCoding): number {
  return scale * scale * range.max
}

function above(allowance: number, { leastAllowance }: AllowanceCoding): number {
  return Math.max(0, allowance - leastAllowance) * ROUNDING
}
