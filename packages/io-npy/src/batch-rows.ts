import { checkPositiveInteger } from '@facekit/core'

/**
 * Bytes on disk of one batch where `batchRows` is left out: 1024 rows × 512 × float32. Large enough that the cost
 * per batch (a few promises) is nothing beside its bytes, small enough that the allocator gives the memory of the last
 * batch to the next: 8 MiB, fresh from the operating system each time, were read at a third of the rate.
 */
const DEFAULT_BATCH_BYTES = 2 * 1024 * 1024
/** Rows cost memory beyond their bytes on disk: a string each. */
const MAX_DEFAULT_ROWS = 65536

/** Checks the option `batchRows`, or chooses it for rows of `rowBytes`. */
export function batchRowsFor(batchRows: number | undefined, rowBytes: number): number {
  if (batchRows !== undefined) return checkPositiveInteger('batchRows', batchRows)
  const rows = Math.floor(DEFAULT_BATCH_BYTES / Math.max(1, rowBytes))
  return Math.min(MAX_DEFAULT_ROWS, Math.max(1, rows))
}

/** [start, end) of each batch. */
export function* batchRanges(rows: number, batchRows: number): Generator<[start: number, end: number]> {
  for (let start = 0; start < rows; start += batchRows) yield [start, Math.min(start + batchRows, rows)]
}
