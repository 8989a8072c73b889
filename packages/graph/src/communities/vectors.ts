/** The inner product of two rows of `dim` float32, in float64; the same whichever comes first. */
export function dot(a: Float32Array, fromA: number, b: Float32Array, fromB: number, dim: number): number {
  // Four sums: additions of one have to wait for one another.
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  const even = dim - (dim % 4)
  for (let k = 0; k < even; k += 4) {
    s0 += a[fromA + k]! * b[fromB + k]!
    s1 += a[fromA + k + 1]! * b[fromB + k + 1]!
    s2 += a[fromA + k + 2]! * b[fromB + k + 2]!
    s3 += a[fromA + k + 3]! * b[fromB + k + 3]!
  }
  for (let k = even; k < dim; k++) s0 += a[fromA + k]! * b[fromB + k]!
  return s0 + s1 + (s2 + s3)
}

/** Adds a multiple of a row of `dim` float32 to another. */
export function addScaled(
  into: Float32Array,
  fromInto: number,
  scale: number,
  row: Float32Array,
  fromRow: number,
  dim: number,
): void {
  for (let k = 0; k < dim; k++) into[fromInto + k]! += scale * row[fromRow + k]!
}

/** Makes a row of `dim` float32 one of length 1; zeros stay. @returns the length that it had */
export function normalize(row: Float32Array, from: number, dim: number): number {
  const length = Math.sqrt(dot(row, from, row, from, dim))
  if (length > 0) for (let k = from; k < from + dim; k++) row[k]! /= length
  return length
}
