import type { Candidates } from './candidates.js'

/** What finds candidates row by row. It blocks the thread that calls it. */
export interface SearchEngine {
  /** Rows that it likes to search for at once. */
  readonly chunkRows: number
  /**
   * Adds to `candidates[row - start]`, for each row in [start, end), every other row whose inner product with it is at
   * or above `bound`, or at least as many of the best as the candidates' limit. Unusable rows may be among them.
   */
  search(start: number, end: number, bound: number, candidates: readonly Candidates[]): void
}
