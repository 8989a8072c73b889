import { hearSignal } from '../hear-signal.js'
import { MemoryAdjacency, ROWS_AT_ONCE, type Adjacency } from './adjacency.js'

/**
 * The graph of modules, in memory: an entry is the weight of all edges between two, the inner weight of a module twice
 * that of the edges within plus that of its nodes.
 *
 * Edges are taken in the order of their rows at both modules, so that both have the same sum.
 *
 * @param inner nodes × float64
 * @param modules nodes × int32: 0 … count − 1
 */
export async function aggregate(
  graph: Adjacency,
  inner: Float64Array,
  modules: Int32Array,
  count: number,
  signal: AbortSignal | undefined,
): Promise<{ graph: MemoryAdjacency; inner: Float64Array }> {
  const innerOf = new Float64Array(count)
  for (let node = 0; node < modules.length; node++) innerOf[modules[node]!]! += inner[node]!

  const places = new Float64Array(count + 1)
  await eachEdge(graph, signal, (a, b, weight) => {
    if (modules[a] === modules[b]) innerOf[modules[a]!]! += 2 * weight
    else {
      places[modules[a]! + 1]!++
      places[modules[b]! + 1]!++
    }
  })
  for (let module = 0; module < count; module++) places[module + 1]! += places[module]!
  const neighbors = new Uint32Array(places[count]!)
  const weights = new Float64Array(places[count]!)
  const next = places.slice(0, count)
  const put = (module: number, other: number, weight: number) => {
    const at = next[module]!++
    neighbors[at] = other
    weights[at] = weight
  }
  await eachEdge(graph, signal, (a, b, weight) => {
    if (modules[a] === modules[b]) return
    put(modules[a]!, modules[b]!, weight)
    put(modules[b]!, modules[a]!, weight)
  })
  return { graph: sumEntries(places, neighbors, weights), inner: innerOf }
}

/** Calls back with the smaller row first, smaller rows in ascending order. */
async function eachEdge(
  graph: Adjacency,
  signal: AbortSignal | undefined,
  visit: (a: number, b: number, weight: number) => void,
): Promise<void> {
  const { offsets } = graph
  for (const { start, end, base, neighbors, weights } of graph.blocks(ROWS_AT_ONCE)) {
    await hearSignal(signal)
    for (let row = start; row < end; row++)
      for (let at = offsets[row]! - base; at < offsets[row + 1]! - base; at++)
        if (neighbors[at]! > row) visit(row, neighbors[at]!, weights[at]!)
  }
}

/** Makes one entry of all between two nodes, ascending, in the memory of what there was. */
function sumEntries(places: Float64Array, neighbors: Uint32Array, weights: Float64Array): MemoryAdjacency {
  const nodes = places.length - 1
  const sums = new Float64Array(nodes)
  const offsets = new Float64Array(nodes + 1)
  let written = 0
  for (let node = 0; node < nodes; node++) {
    const start = written
    for (let at = places[node]!; at < places[node + 1]!; at++) {
      const neighbor = neighbors[at]!
      if (sums[neighbor] === 0) neighbors[written++] = neighbor
      sums[neighbor]! += weights[at]!
    }
    const own = neighbors.subarray(start, written).sort()
    for (let i = 0; i < own.length; i++) {
      weights[start + i] = sums[own[i]!]!
      sums[own[i]!] = 0
    }
    offsets[node + 1] = written
  }
  return new MemoryAdjacency(offsets, neighbors.slice(0, written), weights.slice(0, written))
}
