import { Transform } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import {
  checkCosine,
  checkRows,
  iterate,
  NOT_A_DUPLICATE,
  type BatchesOf,
  type Clustering,
  type EdgeBatch,
  type StageOf,
} from '@facekit/core'
import { checkEdges } from './check-edges.js'
import { classesOfStaying, duplicatesOf, joinRows } from './duplicates.js'
import { EdgeStore } from './edge-store.js'
import { UnionFind } from './union-find.js'

/** What classes are made by. */
export interface ClusterOptions {
  /** Rows that edges are between. */
  rows: number
  /** Cosine at or above which two rows are duplicates; undefined keeps all rows. */
  duplicateThreshold?: number | undefined
  /** Cosine at or above which two rows are the same person. */
  clusterThreshold: number
  /** Rows that are in no class and no duplicates, such as those without a usable embedding. */
  excluded?: Uint32Array
  /**
   * Gives all edges once more: which rows stay is known only after the last. If left out, those of the second step are
   * kept, 8 bytes each.
   */
  again?: () => BatchesOf<EdgeBatch>
}

/**
 * What a clustering takes for each row: what it is a duplicate of, its person, and, in the end, its root's size and the
 * size of a class.
 */
export const CLUSTER_ROW_BYTES = 16

/**
 * Stage: `EdgeBatch`es in, one `Clustering` out at the end.
 *
 * Components of the edges at or above `duplicateThreshold` are duplicates: the smallest row of each stays. Components
 * of the edges at or above `clusterThreshold` between rows that stay are the classes.
 *
 * @throws OptionError; FacekitError `ROWS`; GraphError `EDGE` for rows out of range or a similarity that is NaN
 */
export function clusterEdges(options: ClusterOptions): StageOf<EdgeBatch, Clustering> {
  const rows = checkRows(options.rows)
  // Similarities are float32: a threshold of 0.7 must let in the float32 that is nearest to 0.7.
  const clusterThreshold = Math.fround(checkCosine('clusterThreshold', options.clusterThreshold))
  const removes = options.duplicateThreshold !== undefined
  // There is one step only where no duplicates are removed.
  const firstThreshold = removes
    ? Math.fround(checkCosine('duplicateThreshold', options.duplicateThreshold!))
    : clusterThreshold
  const { again, excluded = new Uint32Array(0) } = options
  const keeps = removes && !again
  const components = new UnionFind(rows)
  const kept = new EdgeStore()

  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform(batch: EdgeBatch, _encoding, callback) {
      try {
        checkEdges(batch, rows)
      } catch (error) {
        return callback(error as Error)
      }
      joinRows(components, batch, firstThreshold)
      if (keeps) keepEdges(kept, batch, clusterThreshold)
      callback()
    },
    flush(callback) {
      const isStopped = () => this.destroyed
      const edges = () => (again ? pairsOf(again(), rows, clusterThreshold) : kept.blocks())
      const found = removes
        ? classesOfOthers(components, edges(), isStopped)
        : Promise.resolve({
            roots: components.toRoots(),
            duplicateOf: new Int32Array(rows).fill(NOT_A_DUPLICATE),
          })
      found
        .then(async (steps) => {
          await setImmediate()
          if (!steps || isStopped()) return undefined
          return classesOfStaying(steps.roots, steps.duplicateOf, excluded)
        })
        .then((clustering) => clustering && callback(null, clustering), callback)
    },
    destroy(error, callback) {
      kept.clear()
      callback(error)
    },
  })
}

function keepEdges(kept: EdgeStore, { source, target, similarity }: EdgeBatch, threshold: number): void {
  for (let i = 0; i < source.length; i++) if (similarity[i]! >= threshold) kept.add(source[i]!, target[i]!)
}

/** Source and target in turn of the edges at or above a threshold. */
async function* pairsOf(
  edges: BatchesOf<EdgeBatch>,
  rows: number,
  threshold: number,
): AsyncGenerator<Uint32Array> {
  for await (const batch of iterate(edges)) {
    checkEdges(batch, rows)
    const { source, target, similarity } = batch
    const pairs = new Uint32Array(2 * source.length)
    let count = 0
    for (let i = 0; i < source.length; i++) {
      if (!(similarity[i]! >= threshold)) continue
      pairs[2 * count] = source[i]!
      pairs[2 * count + 1] = target[i]!
      count++
    }
    yield pairs.subarray(0, 2 * count)
  }
}

/** The smallest row of the component of each row, and the row that stays in its place. */
interface Steps {
  roots: Int32Array
  duplicateOf: Int32Array
}

/**
 * The second step: components among rows that stay. Steps over all rows or a million edges take up to a second; in between,
 * signals are heard.
 *
 * @param edges source and target in turn
 * @returns undefined when it is no longer wanted
 */
async function classesOfOthers(
  duplicates: UnionFind,
  edges: Iterable<Uint32Array> | AsyncIterable<Uint32Array>,
  isStopped: () => boolean,
): Promise<Steps | undefined> {
  const duplicateOf = duplicatesOf(duplicates)
  const persons = new UnionFind(duplicateOf.length)
  for await (const block of edges) {
    await setImmediate()
    if (isStopped()) return undefined
    for (let at = 0; at < block.length; at += 2) {
      const a = block[at]!
      const b = block[at + 1]!
      if (duplicateOf[a] === NOT_A_DUPLICATE && duplicateOf[b] === NOT_A_DUPLICATE) persons.union(a, b)
    }
  }
  await setImmediate()
  return { roots: persons.toRoots(), duplicateOf }
}
