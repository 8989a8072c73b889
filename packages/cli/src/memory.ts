import { totalmem } from 'node:os'
import { checkRows, FacekitError } from '@facekit/core'
import { LEAST_COLLECTOR_BYTES } from '@facekit/edges'
import { CLUSTER_ROW_BYTES, COMMUNITY_ROW_BYTES } from '@facekit/graph'
import { searchMemory } from '@facekit/index-faiss'
import { KEEP_NAMES_ROW_BYTES, LABEL_ROW_BYTES } from '@facekit/labels'
import type { Method } from './label/method-names.js'

/** Half of what the machine, or the container that this runs in, has. */
export function defaultMemoryLimit(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  const total = totalmem()
  return Math.floor((constrained > 0 ? Math.min(constrained, total) : total) / 2)
}

/** How a limit is shared by what a search takes. */
export interface MemoryShares {
  /** Fewer than were asked for where there is no memory for more. */
  threads: number
  /** Bytes of codes and embeddings, and of pairs until the end. */
  gallery: number
  pairs: number
}

/** For each row, from when the search is over. */
const LABELLING_ROW_BYTES = CLUSTER_ROW_BYTES + LABEL_ROW_BYTES

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
  // What the search has may not have been collected yet when labels are made.
  const ofRows = rows * (search.row + LABELLING_ROW_BYTES)
  // What is needed once is needed before a thread searches, and there are pairs.
  const first = Math.max(0, search.once - search.thread)
  const certain = ofRows + Math.max(first, LEAST_COLLECTOR_BYTES)
  checkLimit(limitBytes, certain, `${rows} embeddings of ${dim} numbers`)
  const used = Math.min(threads, 1 + Math.floor((limitBytes - certain) / search.thread))
  const left = limitBytes - certain - (used - 1) * search.thread
  return {
    threads: used,
    gallery: left / 2,
    pairs: LEAST_COLLECTOR_BYTES + left / 4,
  }
}

/** Of communities, at least: what is on its way from and into files. */
const LEAST_COMMUNITY_BYTES = 2 ** 26

/**
 * @param keepsNames of earlier labels
 * @returns bytes for decoding a picture for its preview, when all else is over, and for edges and embeddings of communities
 * @throws FacekitError `MEMORY_LIMIT`, `ROWS`
 */
export function labelMemory(
  limitBytes: number,
  rows: number,
  method: Method,
  keepsNames = false,
): { preview: number; communities: number } {
  checkRows(rows)
  const ofMethod =
    method === 'components' ? rows * CLUSTER_ROW_BYTES : rows * COMMUNITY_ROW_BYTES + LEAST_COMMUNITY_BYTES
  // Names come when the classes are there.
  const ofNames = keepsNames ? rows * KEEP_NAMES_ROW_BYTES : 0
  const certain = Math.max(rows * LABEL_ROW_BYTES + ofMethod, ofNames)
  checkLimit(limitBytes, certain, `labels of ${rows} embeddings by ${method}`)
  return { preview: limitBytes / 4, communities: LEAST_COMMUNITY_BYTES + (limitBytes - certain) }
}

/** @throws FacekitError `MEMORY_LIMIT` */
export function checkLimit(limitBytes: number, certain: number, what: string): void {
  if (certain <= limitBytes) return
  throw new FacekitError(
    'MEMORY_LIMIT',
    `Expected a memory limit of at least ${mebibytes(certain)} for ${what} but it is ${mebibytes(limitBytes)}: give --memory-limit, or cluster parts of them`,
  )
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)}MiB`
}
