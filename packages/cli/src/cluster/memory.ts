import { totalmem } from 'node:os'
import { checkRows, FacekitError } from '@facekit/core'
import { CLUSTER_ROW_BYTES, LEAST_EDGE_BYTES } from '@facekit/graph'
import { searchMemory } from '@facekit/index-faiss'
import { LABEL_ROW_BYTES } from '@facekit/labels'

/** Half of what the machine, or the container that this runs in, has. */
export function defaultMemoryLimit(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  const total = totalmem()
  return Math.floor((constrained > 0 ? Math.min(constrained, total) : total) / 2)
}

/** How a limit is shared. */
export interface MemoryShares {
  /** Of the search: fewer than were asked for where there is no memory for more. */
  threads: number
  /** Bytes of codes and embeddings; of neighbors of rows that are not finished; of edges. */
  gallery: number
  neighbors: number
  edges: number
  /** Of decoding a picture for its preview: when search and clustering are over. */
  preview: number
}

/** Of neighbors in memory, at least: what goes into a file shall be worth it. */
const LEAST_NEIGHBOR_BYTES = 2 ** 23

/**
 * First what is certain: each row, and a thread but the first, which has room beside the limit. Then what goes into files
 * where it does not fit; a quarter of that is left for what is on its way between them.
 *
 * @throws FacekitError `MEMORY_LIMIT` where a limit is too low for the rows; `ROWS`
 */
export function shareMemory(
  limitBytes: number,
  { rows, dim, threads }: { rows: number; dim: number; threads: number },
): MemoryShares {
  checkRows(rows)
  const search = searchMemory(dim)
  const ofRows = rows * (search.row + CLUSTER_ROW_BYTES + LABEL_ROW_BYTES)
  // What is needed once is needed before a thread searches, and there are neighbors and edges.
  const first = Math.max(0, search.once - search.thread)
  const certain = ofRows + Math.max(first, LEAST_NEIGHBOR_BYTES + LEAST_EDGE_BYTES)
  if (certain > limitBytes) {
    throw new FacekitError(
      'MEMORY_LIMIT',
      `Expected a memory limit of at least ${mebibytes(certain)} for ${rows} embeddings of ${dim} numbers but it is ${mebibytes(limitBytes)}: give --memory-limit, or cluster parts of them`,
    )
  }
  const used = Math.min(threads, 1 + Math.floor((limitBytes - certain) / search.thread))
  const left = limitBytes - certain - (used - 1) * search.thread
  return {
    threads: used,
    gallery: left / 2,
    neighbors: LEAST_NEIGHBOR_BYTES + left / 8,
    edges: LEAST_EDGE_BYTES + left / 8,
    preview: limitBytes / 4,
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)}MiB`
}
