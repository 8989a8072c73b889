import type { EmbeddingReader } from './batches.js'

/** So many rows between two that are wanted are read over: quicker than another read. */
const GAP_ROWS = 8
/** Rows read in one go. */
const READ_ROWS = 256

/**
 * Reads some embeddings, each of length 1.
 *
 * @param rows ascending
 * @param use called with each; the numbers are overwritten afterwards
 */
export async function readRows(
  embeddings: EmbeddingReader,
  rows: readonly number[],
  use: (row: number, unit: Float32Array) => void,
): Promise<void> {
  const { dim } = embeddings
  const read = new Float32Array(READ_ROWS * dim)
  for (let first = 0; first < rows.length;) {
    const start = rows[first]!
    let last = first
    while (
      last + 1 < rows.length &&
      rows[last + 1]! - rows[last]! <= GAP_ROWS &&
      rows[last + 1]! - start < READ_ROWS
    )
      last++
    const end = rows[last]! + 1
    await embeddings.readUnits(start, end, read.subarray(0, (end - start) * dim))
    for (; first <= last; first++) {
      const at = (rows[first]! - start) * dim
      use(rows[first]!, read.subarray(at, at + dim))
    }
  }
}

/**
 * Rows of embeddings by their numbers, each dim × float32 of length 1.
 *
 * @param rows in any order
 */
export async function readVectors(
  embeddings: EmbeddingReader,
  rows: Iterable<number>,
): Promise<Map<number, Float32Array>> {
  const vectors = new Map<number, Float32Array>()
  const ascending = [...new Set(rows)].sort((a, b) => a - b)
  await readRows(embeddings, ascending, (row, unit) => vectors.set(row, unit.slice()))
  return vectors
}

/** The inner product of two vectors of the same length, summed in one order everywhere. */
export function dot(a: Float32Array, b: Float32Array): number {
  // Four sums: additions of one have to wait for one another.
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  const even = a.length - (a.length % 4)
  for (let k = 0; k < even; k += 4) {
    s0 += a[k]! * b[k]!
    s1 += a[k + 1]! * b[k + 1]!
    s2 += a[k + 2]! * b[k + 2]!
    s3 += a[k + 3]! * b[k + 3]!
  }
  for (let k = even; k < a.length; k++) s0 += a[k]! * b[k]!
  return s0 + s1 + (s2 + s3)
}

/** Adds a vector to another one of the same length. */
export function add(into: Float32Array, vector: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += vector[i]!
}

/** What has no direction stays 0. */
export function toUnit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector))
  if (length > 0) for (let i = 0; i < vector.length; i++) vector[i]! /= length
  return vector
}
