import type { Coding } from '../gallery/coded-gallery.js'
import { quantizeRow } from '../gallery/quantize.js'

// A few odd rows shall not make the codes of all others coarse: what nearly all rows need, and something beyond.
const QUANTILE = 0.98
const BEYOND = 1.25

/** So that what stands for nothing still stands for something. */
const SMALLEST = 2 ** -20

/** Rows that need more are bounded less well. */
const MAX_ALLOWANCE_CODES = 16

/**
 * The largest component that codes must hold. Of Gaussian components some rows in a thousand have a larger one: then a
 * few codes are at their limit.
 *
 * @param sample rows × heads float32, row-major
 */
export function largestComponent(sample: Float32Array, heads: number): number {
  const ascending = new Float64Array(sample.length / heads)
    .map((_, row) => {
      let largest = 0
      for (let at = row * heads; at < (row + 1) * heads; at++)
        largest = Math.max(largest, Math.abs(sample[at]!))
      return largest
    })
    .sort()
  const usual = quantile(ascending) * BEYOND
  return Math.max(SMALLEST, usual > 0 ? Math.min(ascending.at(-1)!, usual) : ascending.at(-1)!)
}

/**
 * How many codes hold the allowances of nearly all rows, above the least.
 *
 * @param sample rows × heads float32, row-major
 */
export function allowanceCodes(
  sample: Float32Array,
  coding: Omit<Coding, 'leastAllowance' | 'codeLength'>,
): Pick<Coding, 'leastAllowance' | 'codeLength'> {
  const { heads, scale, range } = coding
  const codes = new Int8Array(heads)
  const ascending = new Float64Array(sample.length / heads)
    .map((_, row) => quantizeRow(sample.subarray(row * heads, (row + 1) * heads), coding, codes))
    .sort()
  const leastAllowance = ascending[0]!
  const held = (quantile(ascending) - leastAllowance) * BEYOND
  const needed = Math.min(MAX_ALLOWANCE_CODES, Math.ceil(held / (scale * range.max) ** 2))
  // Codes come in words of four.
  return { leastAllowance, codeLength: 4 * Math.ceil((heads + Math.max(1, needed)) / 4) }
}

function quantile(ascending: Float64Array): number {
  return ascending[Math.floor(QUANTILE * (ascending.length - 1))]!
}
