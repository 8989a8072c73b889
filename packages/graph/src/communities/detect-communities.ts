import { Transform } from 'node:stream'
import {
  checkCosine,
  checkPositiveInteger,
  checkRows,
  NOT_A_DUPLICATE,
  OptionError,
  type BatchesOf,
  type Clustering,
  type EdgeBatch,
  type EmbeddingReader,
  type StageOf,
} from '@facekit/core'
import { checkEdges } from '../check-edges.js'
import { classesOfStaying, duplicatesOf, joinRows } from '../duplicates.js'
import { UnionFind } from '../union-find.js'
import { buildAdjacency } from './build-adjacency.js'
import { mapEquation } from './map-equation.js'
import { polish } from './polish.js'
import { roomOf } from './room.js'
import { smooth } from './smooth.js'

/** What is being done, in this order. */
export type CommunityStep = 'graph' | 'smoothing' | 'communities' | 'polishing'

/** What communities are found by. */
export interface CommunityOptions {
  /** Rows that edges are between. */
  rows: number
  /** Cosine at or above which two rows are duplicates; undefined keeps all rows. */
  duplicateThreshold?: number | undefined
  /** Cosine at or above which two rows may be the same person: what strangers do not reach, see `calibrate`. */
  threshold: number
  /** Gives all edges once more, ascending by (source, target). */
  again: () => BatchesOf<EdgeBatch>
  /** The embeddings of all rows. */
  embeddings: EmbeddingReader
  /** Rows that are in no class and no duplicates, such as those without a usable embedding. */
  excluded?: Uint32Array
  /** What edges and embeddings may take in memory, beside `COMMUNITY_ROW_BYTES`; the rest goes into files in `scratchFolder`. 16 GiB if left out, and at most. */
  memoryBytes?: number
  /** An existing folder; whoever gave it removes it. To be given with `memoryBytes`. */
  scratchFolder?: string
  /** Called where a step begins. */
  onProgress?: (step: CommunityStep) => void
}

/**
 * What communities take for each row, beside `memoryBytes`: where its entries begin, in both graphs; what it is a
 * duplicate of; its module and what is known of that while rows move; half as much again for modules of modules. The
 * edges between modules come on top, 12 bytes for each end: after the first moves, few of the edges are between two.
 */
export const COMMUNITY_ROW_BYTES = 192

/** Of the memory: edges, edges that stay, and two things of a row each, of smoothing or of centroids. */
const ROOMS = 4

/**
 * Stage: `EdgeBatch`es in, one `Clustering` out at the end, whose classes do not chain.
 *
 * Duplicates are those of `clusterEdges`. Of the graph of the others, edges go that do not hold when rows are seen with
 * their neighbors (`smooth`); on what is left the map equation finds modules (`mapEquation`), and rows that fit another
 * module better go there (`polish`). The result does not depend on `memoryBytes` or on how edges are cut into batches.
 *
 * @throws OptionError; FacekitError `ROWS`; GraphError `EDGE` for rows out of range, a similarity that is NaN or, in
 * `again`, edges out of order
 */
export function detectCommunities(options: CommunityOptions): StageOf<EdgeBatch, Clustering> {
  const rows = checkRows(options.rows)
  const { duplicateThreshold, memoryBytes = Infinity, scratchFolder, embeddings } = options
  checkCosine('threshold', options.threshold)
  if (duplicateThreshold !== undefined) checkCosine('duplicateThreshold', duplicateThreshold)
  if (memoryBytes !== Infinity) {
    checkPositiveInteger('memoryBytes', memoryBytes)
    if (scratchFolder === undefined)
      throw new OptionError('Expected a scratchFolder where there are memoryBytes but received none')
  }
  if (embeddings.rows !== rows)
    throw new OptionError(`Expected embeddings of ${rows} rows but received ${embeddings.rows}`)
  checkPositiveInteger('embeddings.dim', embeddings.dim)

  const stopped = new AbortController()
  const duplicates = new UnionFind(rows)
  const least = Math.fround(duplicateThreshold ?? Infinity)
  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform(batch: EdgeBatch, _encoding, callback) {
      try {
        checkEdges(batch, rows)
      } catch (error) {
        return callback(error as Error)
      }
      joinRows(duplicates, batch, least)
      callback()
    },
    flush(callback) {
      communitiesOf(duplicatesOf(duplicates), options, stopped.signal).then(
        (clustering) => callback(null, clustering),
        (error: Error) => this.destroyed || callback(error),
      )
    },
    destroy(error, callback) {
      stopped.abort()
      callback(error)
    },
  })
}

async function communitiesOf(
  duplicateOf: Int32Array,
  options: CommunityOptions,
  signal: AbortSignal,
): Promise<Clustering> {
  const { rows, again, threshold, embeddings, excluded = new Uint32Array(0), onProgress } = options
  const room = roomOf((options.memoryBytes ?? Infinity) / ROOMS, options.scratchFolder)
  const stays = Uint8Array.from(duplicateOf, (other) => Number(other === NOT_A_DUPLICATE))
  for (const row of excluded) stays[row] = 0

  onProgress?.('graph')
  const graph = await buildAdjacency({ rows, edges: again, stays, threshold, room, signal })
  try {
    onProgress?.('smoothing')
    const strong = await smooth(graph, embeddings, { room, signal })
    let modules: Int32Array
    try {
      onProgress?.('communities')
      modules = (await mapEquation(strong, signal)).modules
    } finally {
      strong.remove()
    }
    onProgress?.('polishing')
    modules = await polish(graph, embeddings, modules, { room, signal })
    return classesOfStaying(smallestRows(modules), duplicateOf, excluded)
  } finally {
    graph.remove()
  }
}

/** @param modules rows × int32, numbered in the order of their smallest rows; becomes the smallest row of each */
function smallestRows(modules: Int32Array): Int32Array {
  const firsts = new Int32Array(modules.length)
  let count = 0
  for (let row = 0; row < modules.length; row++) {
    if (modules[row] === count) firsts[count++] = row
    modules[row] = firsts[modules[row]!]!
  }
  return modules
}
