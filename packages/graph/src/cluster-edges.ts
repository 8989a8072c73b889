import { Transform } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import {
  checkCosine,
  checkRows,
  NO_CLASS,
  NOT_A_DUPLICATE,
  type Clustering,
  type EdgeBatch,
} from '@facekit/core'
import { BLOCK_BYTES, EdgeStore } from './edge-store.js'
import { GraphError } from './errors.js'
import { numberClasses } from './number-classes.js'
import { UnionFind } from './union-find.js'

export interface ClusterOptions {
  /** Rows that edges are between. */
  rows: number
  /** Cosine at or above which two rows are duplicates; undefined keeps all rows. */
  duplicateThreshold?: number | undefined
  /** Cosine at or above which two rows are the same person. */
  clusterThreshold: number
  /** Rows that are in no class and no duplicates, such as those without a usable embedding. */
  excluded?: Uint32Array
  /** What the edges that are kept may take; beyond it they go into `spillFile`. Unbounded if left out. */
  memoryBytes?: number
  /** Path of a file that does not exist; it is removed in the end. */
  spillFile?: string
}

/**
 * What a clustering takes for each row: what it is a duplicate of, its person, and, in the end, its root's size and the
 * size of a class.
 */
export const CLUSTER_ROW_BYTES = 16

/** Of edges that may be in memory, at least: what is collected, and what is read again. */
export const LEAST_EDGE_BYTES = 2 * BLOCK_BYTES

/**
 * Stage: `EdgeBatch`es in, one `Clustering` out at the end.
 *
 * Components of the edges at or above `duplicateThreshold` are duplicates: the smallest row of each stays. Components
 * of the edges at or above `clusterThreshold` between rows that stay are the classes. Which rows stay is known only
 * after the last edge, so the edges of the second step are kept: 8 bytes each, beside `CLUSTER_ROW_BYTES` a row.
 *
 * @throws OptionError; FacekitError `ROWS`; GraphError `EDGE` for rows out of range or a similarity that is NaN
 */
export function clusterEdges(options: ClusterOptions): Transform {
  const rows = checkRows(options.rows)
  // Similarities are float32: a threshold of 0.7 must let in the float32 that is nearest to 0.7.
  const clusterThreshold = Math.fround(checkCosine('clusterThreshold', options.clusterThreshold))
  const duplicateThreshold =
    options.duplicateThreshold === undefined
      ? Infinity
      : Math.fround(checkCosine('duplicateThreshold', options.duplicateThreshold))
  const duplicates = new UnionFind(rows)
  const edges = new EdgeStore(options.memoryBytes, options.spillFile)

  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform({ source, target, similarity }: EdgeBatch, _encoding, callback) {
      for (let i = 0; i < source.length; i++) {
        const a = source[i]!
        const b = target[i]!
        const cosine = similarity[i]!
        if (a >= rows || b >= rows || Number.isNaN(cosine)) {
          return callback(
            new GraphError(`Expected an edge between ${rows} rows but got ${a}–${b}, similarity ${cosine}`),
          )
        }
        if (cosine >= duplicateThreshold) duplicates.union(a, b)
        if (cosine >= clusterThreshold) edges.add(a, b)
      }
      callback()
    },
    flush(callback) {
      const excluded = options.excluded ?? new Uint32Array(0)
      conclude(rows, duplicates, edges, excluded, () => this.destroyed).then(
        (clustering) => clustering && callback(null, clustering),
        callback,
      )
    },
    destroy(error, callback) {
      edges.close()
      callback(error)
    },
  })
}

/**
 * Steps over all rows or a million edges take up to a second; in between, signals are heard.
 *
 * @returns undefined when it is no longer wanted
 */
async function conclude(
  rows: number,
  duplicates: UnionFind,
  edges: EdgeStore,
  excluded: Uint32Array,
  isStopped: () => boolean,
): Promise<Clustering | undefined> {
  const duplicateOf = duplicates.toRoots()
  for (let row = 0; row < rows; row++) if (duplicateOf[row] === row) duplicateOf[row] = NOT_A_DUPLICATE
  const persons = new UnionFind(rows)
  for (const block of edges.blocks()) {
    await setImmediate()
    if (isStopped()) return undefined
    for (let at = 0; at < block.length; at += 2) {
      const a = block[at]!
      const b = block[at + 1]!
      if (duplicateOf[a] === NOT_A_DUPLICATE && duplicateOf[b] === NOT_A_DUPLICATE) persons.union(a, b)
    }
  }
  await setImmediate()
  const roots = persons.toRoots()
  for (let row = 0; row < rows; row++) if (duplicateOf[row] !== NOT_A_DUPLICATE) roots[row] = NO_CLASS
  for (const row of excluded) roots[row] = NO_CLASS
  await setImmediate()
  return isStopped() ? undefined : { ...numberClasses(roots), duplicateOf }
}
