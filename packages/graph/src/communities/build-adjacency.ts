import { iterate, type BatchesOf, type EdgeBatch } from '@facekit/core'
import { checkEdges } from '../check-edges.js'
import { GraphError } from '../errors.js'
import { hearSignal } from '../hear-signal.js'
import { MemoryAdjacency, type Adjacency } from './adjacency.js'
import { ENTRY_BYTES, FileAdjacency } from './file-adjacency.js'
import { scratchPath, LARGEST_ROOM, type Room } from './room.js'

/** Which edges go into an adjacency. */
export interface AdjacencyOptions {
  rows: number
  /** Gives the edges from the first on, ascending by (source, target); called twice, or once more for each `room.bytes` of entries. */
  edges: () => BatchesOf<EdgeBatch>
  /** rows × uint8: 1 where the row takes part. */
  stays: Uint8Array
  /** Edges below are left out, as are those that are not above 0, which would be no weight. */
  threshold: number
  /** 4 GiB if left out. */
  room?: Room
  signal?: AbortSignal | undefined
}

/**
 * The graph of the edges between rows that stay; a weight is a cosine.
 *
 * Edges that ascend give every row its neighbors in ascending order, first the smaller ones and then the larger, so that
 * nothing is sorted. Of entries that do not fit, as many rows are filled as do, and the edges are read again.
 *
 * @throws GraphError `EDGE` for rows out of range, a similarity that is NaN or edges out of order; OptionError; the
 * reason of the signal
 */
export async function buildAdjacency(options: AdjacencyOptions): Promise<Adjacency> {
  const { rows, room = LARGEST_ROOM } = options
  const offsets = new Float64Array(rows + 1)
  for await (const [a, b] of edgesOf(options)) {
    for (let i = 0; i < a.length; i++) {
      offsets[a[i]! + 1]!++
      offsets[b[i]! + 1]!++
    }
  }
  for (let row = 0; row < rows; row++) offsets[row + 1]! += offsets[row]!

  const entries = offsets[rows]!
  if (entries * ENTRY_BYTES <= room.bytes) {
    const whole = await fillRows(options, offsets, 0, rows)
    return new MemoryAdjacency(offsets, whole.neighbors, whole.weights)
  }
  const adjacency = new FileAdjacency(offsets, scratchPath(room, 'edges'), room.bytes)
  try {
    for (let start = 0; start < rows;) {
      let end = start + 1
      while (end < rows && (offsets[end + 1]! - offsets[start]!) * ENTRY_BYTES <= room.bytes) end++
      const part = await fillRows(options, offsets, start, end)
      adjacency.append(part.neighbors, part.weights)
      start = end
    }
  } catch (error) {
    adjacency.remove()
    throw error
  }
  return adjacency
}

/** The entries of some rows. */
async function fillRows(
  options: AdjacencyOptions,
  offsets: Float64Array,
  start: number,
  end: number,
): Promise<{ neighbors: Uint32Array; weights: Float32Array }> {
  const base = offsets[start]!
  const next = offsets.slice(start, end)
  const neighbors = new Uint32Array(offsets[end]! - base)
  const weights = new Float32Array(neighbors.length)
  const put = (row: number, neighbor: number, weight: number) => {
    if (row < start || row >= end) return
    const at = next[row - start]!++ - base
    neighbors[at] = neighbor
    weights[at] = weight
  }
  for await (const [a, b, cosines] of edgesOf(options)) {
    for (let i = 0; i < a.length; i++) {
      put(a[i]!, b[i]!, cosines[i]!)
      put(b[i]!, a[i]!, cosines[i]!)
    }
  }
  return { neighbors, weights }
}

/** Sources, targets and similarities of the edges that count. */
async function* edgesOf({
  rows,
  edges,
  stays,
  threshold,
  signal,
}: AdjacencyOptions): AsyncGenerator<[Uint32Array, Uint32Array, Float32Array]> {
  const least = Math.fround(threshold)
  let lastSource = 0
  let lastTarget = 0
  for await (const batch of iterate(edges())) {
    await hearSignal(signal)
    checkEdges(batch, rows)
    const { source, target, similarity } = batch
    const kept: [Uint32Array, Uint32Array, Float32Array] = [
      new Uint32Array(source.length),
      new Uint32Array(source.length),
      new Float32Array(source.length),
    ]
    let count = 0
    for (let i = 0; i < source.length; i++) {
      const a = source[i]!
      const b = target[i]!
      if (a >= b || a < lastSource || (a === lastSource && b <= lastTarget))
        throw new GraphError(
          `Expected edges ascending by source and target, each once, but got ${a}–${b} after ${lastSource}–${lastTarget}`,
        )
      lastSource = a
      lastTarget = b
      const cosine = similarity[i]!
      if (!(cosine >= least && cosine > 0 && stays[a] && stays[b])) continue
      kept[0][count] = a
      kept[1][count] = b
      kept[2][count] = cosine
      count++
    }
    yield [kept[0].subarray(0, count), kept[1].subarray(0, count), kept[2].subarray(0, count)]
  }
}
