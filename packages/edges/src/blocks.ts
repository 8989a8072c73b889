import type { EdgeBatch } from '@facekit/core'

/** Edges that are read, written and handed on at a time: 768 KiB, a row group of a file. */
export const BLOCK_EDGES = 2 ** 16

/** Pairs ascending by (source, target), each once; may be read again. */
export type SortedPairs = () => AsyncIterable<EdgeBatch> | Iterable<EdgeBatch>
