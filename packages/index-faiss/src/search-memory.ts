import { COLLECTOR_ROW_BYTES } from '@facekit/edges'
import { MAX_PART_BYTES } from './unit/dense-search.js'

/** For each row: its allowance, whether it is usable, and what its pairs take. */
const ROW_BYTES = 4 + 1 + COLLECTOR_ROW_BYTES

const MIB = 2 ** 20

/** What a thread of the search takes: its isolate, sessions, tiles and pairs, measured; and what grows with the rows. */
const THREAD_BYTES = 36 * MIB

/** Rows of two parts in float32; as queries, codes of the rows of a group, of which few longer ones fit into fewer tiles. */
const DENSE_ROWS = 2 * 512
const GROUP_ROWS = 1024

/** Rows of the sample that codes are planned from, and a copy of them. */
const SAMPLED_ROWS = 2 * 1024

/**
 * What a search takes beside what its options bound, on the CPU.
 *
 * @param dim numbers of an embedding
 * @returns for each row, for each thread, and once
 */
export function searchMemory(dim: number): { row: number; thread: number; once: number } {
  return {
    row: ROW_BYTES,
    thread: THREAD_BYTES + Math.min(2 * MAX_PART_BYTES, 4 * DENSE_ROWS * dim) + GROUP_ROWS * dim,
    once: 4 * SAMPLED_ROWS * dim,
  }
}
