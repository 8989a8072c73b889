/** Keeps a zero row zero; the value is the contract's. */
const EPSILON = 1e-12

/** Divides each row by its L2 norm, in place. `embeddings`: n×dim float32, row-major. */
export function l2Normalize(embeddings: Float32Array, dim: number): void {
  for (let start = 0; start < embeddings.length; start += dim) {
    const row = embeddings.subarray(start, start + dim)
    let squares = 0
    for (const value of row) squares += value * value
    const scale = 1 / (Math.sqrt(squares) + EPSILON)
    for (let i = 0; i < dim; i++) row[i]! *= scale
  }
}
