import { MemoryAdjacency, type Adjacency, type AdjacencyBlock } from './adjacency.js'
import { ENTRY_BYTES, FileAdjacency } from './file-adjacency.js'
import { scratchPath, type Room } from './room.js'

/**
 * The graph of some of the entries of another.
 *
 * @param keeps gives 1 for each entry of a block that stays; both entries of an edge have to
 */
export async function filterEntries(
  graph: Adjacency,
  rowsAtOnce: number,
  room: Room,
  keeps: (block: AdjacencyBlock) => Promise<Uint8Array>,
): Promise<Adjacency> {
  const { rows } = graph
  const most = graph.offsets[rows]!
  const offsets = new Float64Array(rows + 1)
  const file =
    most * ENTRY_BYTES > room.bytes
      ? new FileAdjacency(offsets, scratchPath(room, 'kept-edges'), room.bytes)
      : undefined
  // Where the system gives memory as it is written to, what is not needed of these takes none.
  const kept = file ? undefined : { neighbors: new Uint32Array(most), weights: new Float32Array(most) }
  try {
    let count = 0
    for (const block of graph.blocks(rowsAtOnce)) {
      const { start, end, base, neighbors, weights } = block
      const keep = await keeps(block)
      const into = kept ?? {
        neighbors: new Uint32Array(neighbors.length),
        weights: new Float32Array(neighbors.length),
      }
      const first = file ? count : 0
      for (let row = start; row < end; row++) {
        for (let at = graph.offsets[row]! - base; at < graph.offsets[row + 1]! - base; at++) {
          if (!keep[at]) continue
          into.neighbors[count - first] = neighbors[at]!
          into.weights[count - first] = weights[at]!
          count++
        }
        offsets[row + 1] = count
      }
      file?.append(into.neighbors.subarray(0, count - first), into.weights.subarray(0, count - first))
    }
    if (file) return file
    return new MemoryAdjacency(offsets, kept!.neighbors.subarray(0, count), kept!.weights.subarray(0, count))
  } catch (error) {
    file?.remove()
    throw error
  }
}
