import type { EmbeddingReader } from '@facekit/core'
import { hearSignal } from '../hear-signal.js'
import { dot } from './vectors.js'

/** Rows that are read in one go, of which some may not be needed. */
const READ_ROWS = 256
/** So many rows between two of the sample are read over: quicker than another read. */
const GAP_ROWS = 8

/**
 * Rows drawn at random, each at most once (Knuth, "The Art of Computer Programming", volume 2, algorithm S), read in
 * ascending order. Rows of zeros are passed over.
 *
 * @returns n × dim float32, of length 1
 */
export async function sampleRows(
  embeddings: EmbeddingReader,
  most: number,
  random: () => number,
  signal: AbortSignal | undefined,
): Promise<{ rows: number; values: Float32Array }> {
  const { dim } = embeddings
  const chosen = chooseRows(embeddings.rows, most, random)
  const values = new Float32Array(chosen.length * dim)
  const read = new Float32Array(READ_ROWS * dim)
  let rows = 0
  for (let first = 0; first < chosen.length;) {
    const start = chosen[first]!
    let last = first
    while (
      last + 1 < chosen.length &&
      chosen[last + 1]! - chosen[last]! <= GAP_ROWS &&
      chosen[last + 1]! - start < READ_ROWS
    )
      last++
    const end = chosen[last]! + 1
    await embeddings.readUnits(start, end, read.subarray(0, (end - start) * dim))
    for (let i = first; i <= last; i++) {
      const from = (chosen[i]! - start) * dim
      // Not so for NaN.
      if (!(dot(read, from, read, from, dim) > 0)) continue
      values.set(read.subarray(from, from + dim), rows * dim)
      rows++
    }
    await hearSignal(signal)
    first = last + 1
  }
  return { rows, values }
}

/** @returns ascending */
function chooseRows(rows: number, most: number, random: () => number): Uint32Array {
  const chosen = new Uint32Array(Math.min(rows, most))
  let count = 0
  for (let row = 0; count < chosen.length; row++)
    if (random() * (rows - row) < chosen.length - count) chosen[count++] = row
  return chosen
}
