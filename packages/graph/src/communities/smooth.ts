import type { EmbeddingReader } from '@facekit/core'
import type { Adjacency } from './adjacency.js'
import { filterEntries } from './filter-entries.js'
import { LARGEST_ROOM, type Room, type StepOptions } from './room.js'
import { RowChunks } from './row-chunks.js'
import { RowStore } from './row-store.js'
import { addScaled, dot, normalize } from './vectors.js'

/**
 * Edges go whose rows are less alike than this when each is seen with its neighbors: within one identity smoothed rows
 * are nearly parallel, along a chain of blurred faces they are not.
 */
const LEAST_COSINE = 0.7

/**
 * The edges that stay when each row is seen with its neighbors: z_i = unit(x_i + Σ cos⁴ x_j) over the neighbors j of i;
 * edges with z_i · z_j below 0.70 go. By that power, rows that are near say more about a face than those that just reach
 * the threshold.
 *
 * @param graph of cosines
 * @param embeddings of as many rows
 * @throws OptionError; the reason of the signal
 */
export async function smooth(
  graph: Adjacency,
  embeddings: EmbeddingReader,
  { room = LARGEST_ROOM, signal }: StepOptions = {},
): Promise<Adjacency> {
  const smoothed = new RowStore(graph.rows, embeddings.dim, room, 'smoothed')
  try {
    await smoothRows(graph, embeddings, smoothed, room, signal)
    return await similarEdges(graph, smoothed, room, signal)
  } finally {
    smoothed.remove()
  }
}

async function smoothRows(
  graph: Adjacency,
  embeddings: EmbeddingReader,
  smoothed: RowStore,
  room: Room,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { dim } = embeddings
  const others = new RowChunks(embeddings, room.bytes)
  for (const { start, end, neighbors, weights } of graph.blocks(others.listsAtOnce)) {
    await smoothed.add(end - start, async (into) => {
      await embeddings.readUnits(start, end, into)
      await others.sweep(graph.offsets.subarray(start, end + 1), neighbors, signal, (i, at, values, from) => {
        const squared = weights[at]! * weights[at]!
        addScaled(into, i * dim, squared * squared, values, from, dim)
      })
      for (let from = 0; from < into.length; from += dim) normalize(into, from, dim)
    })
  }
}

async function similarEdges(
  graph: Adjacency,
  smoothed: RowStore,
  room: Room,
  signal: AbortSignal | undefined,
): Promise<Adjacency> {
  const { dim } = smoothed
  const others = new RowChunks(smoothed, room.bytes)
  return filterEntries(graph, others.listsAtOnce, room, async ({ start, end, neighbors }) => {
    const own = new Float32Array((end - start) * dim)
    smoothed.readUnits(start, end, own)
    const keep = new Uint8Array(neighbors.length)
    await others.sweep(graph.offsets.subarray(start, end + 1), neighbors, signal, (i, at, values, from) => {
      keep[at] = Number(dot(own, i * dim, values, from, dim) >= LEAST_COSINE)
    })
    return keep
  })
}
