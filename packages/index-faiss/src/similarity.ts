import type { GalleryData } from './gallery.js'

/**
 * Cosine of two rows: their inner product in float64, over their lengths, rounded to float32. Every edge of every
 * engine is decided by this number, so that engines, tile sizes and thread counts cannot disagree. It is symmetric, and
 * exactly 1 for identical rows.
 */
export function similarity({ units, norms, dim }: GalleryData, a: number, b: number): number {
  const lengths = norms[a]! * norms[b]!
  if (lengths === 0) return 0
  const startA = a * dim
  const startB = b * dim
  // Four sums, because one would make each addition wait for the one before.
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < dim; i += 4) {
    s0 += units[startA + i]! * units[startB + i]!
    s1 += units[startA + i + 1]! * units[startB + i + 1]!
    s2 += units[startA + i + 2]! * units[startB + i + 2]!
    s3 += units[startA + i + 3]! * units[startB + i + 3]!
  }
  for (; i < dim; i++) s0 += units[startA + i]! * units[startB + i]!
  return Math.fround((s0 + s1 + (s2 + s3)) / lengths)
}

/**
 * How far an engine's float32 inner product of two unit rows can be from `similarity`: dim·u for the sum, whatever its
 * order (Higham, Accuracy and Stability of Numerical Algorithms, 3.1; Σ|xᵢyᵢ| ≤ 1 for unit rows), and a few u for the
 * rounding of the lengths and of the result; u = 2⁻²⁴.
 */
export function similarityError(dim: number): number {
  return (dim + 8) * 2 ** -24
}
