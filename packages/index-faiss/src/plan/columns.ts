/**
 * Some columns of a matrix: rows × (to − from).
 *
 * @param matrix rows × dim float32, row-major
 * @param which rows: all of them if left out
 */
export function columnsOf(
  matrix: Float32Array,
  dim: number,
  from: number,
  to: number,
  { first, every } = { first: 0, every: 1 },
): Float32Array {
  const rows = matrix.length / dim / every
  const part = new Float32Array(rows * (to - from))
  for (let i = 0; i < rows; i++) {
    const start = (first + i * every) * dim
    part.set(matrix.subarray(start + from, start + to), i * (to - from))
  }
  return part
}
