/**
 * Cosine of two rows: their inner product in float64, over their lengths, rounded to float32. Every edge of every
 * engine is decided by this number, so that engines, tile sizes and thread counts cannot disagree. It is symmetric, and
 * exactly 1 for identical rows.
 *
 * @param a, b dim float32
 * @param lengths product of their L2 norms, float64; 0 gives 0
 */
export function similarity(a: Float32Array, b: Float32Array, lengths: number): number {
  if (lengths === 0) return 0
  const dim = a.length
  // Four sums, because one would make each addition wait for the one before.
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < dim; i += 4) {
    s0 += a[i]! * b[i]!
    s1 += a[i + 1]! * b[i + 1]!
    s2 += a[i + 2]! * b[i + 2]!
    s3 += a[i + 3]! * b[i + 3]!
  }
  for (; i < dim; i++) s0 += a[i]! * b[i]!
  return Math.fround((s0 + s1 + (s2 + s3)) / lengths)
}

/**
 * L2 norm of a row, float64. A row with a NaN or an infinity has none that is finite.
 *
 * @param values float32, the row from `start` on
 */
export function lengthOf(values: Float32Array, start: number, dim: number): number {
  // Two sums, because one would make each addition wait for the one before.
  let even = 0
  let odd = 0
  const end = start + dim
  let at = start
  for (; at + 1 < end; at += 2) {
    even += values[at]! * values[at]!
    odd += values[at + 1]! * values[at + 1]!
  }
  if (at < end) even += values[at]! * values[at]!
  return Math.sqrt(even + odd)
}

const UNIT_ROUNDOFF = 2 ** -24

/** γₙ: what n roundings of float32 can add up to, relative to the sum of magnitudes (Higham, lemma 3.1). */
export function roundingError(roundings: number): number {
  const error = roundings * UNIT_ROUNDOFF
  return error / (1 - error)
}

/** How far float32 inner products of rows divided by their lengths can be from `similarity`: see EXACTNESS.md. */
export function similarityError(dim: number): number {
  return roundingError(dim + 4)
}
