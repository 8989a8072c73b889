import { ROWS_AT_ONCE, type Adjacency } from './adjacency.js'

/** v log v in nats, 0 at 0. */
export function plogp(value: number): number {
  // Differences that should be 0 may be a little below.
  return value > 1e-300 ? value * Math.log(value) : 0
}

/**
 * The two-level map equation of modules on an undirected graph, in bits a step of a random walk:
 *
 *     L = plogp(Σ q_m) − 2 Σ plogp(q_m) − Σ plogp(p_i) + Σ plogp(q_m + s_m),  plogp(v) = v log₂ v
 *
 * with p_i the share of all weight at row i, s_m that of module m, and q_m that of the entries which lead out of it
 * (Rosvall and Bergstrom 2008, "Maps of random walks on complex networks reveal community structure", PNAS 105; Rosvall,
 * Axelsson and Bergstrom 2009, "The map equation", EPJ Special Topics 178).
 *
 * @param modules rows × int32: 0 … rows − 1
 */
export function codeLength(graph: Adjacency, modules: Int32Array): number {
  const { rows, offsets } = graph
  const flow = new Float64Array(rows)
  const exit = new Float64Array(rows)
  let total = 0
  let ofRows = 0
  for (const { start, end, base, neighbors, weights } of graph.blocks(ROWS_AT_ONCE)) {
    for (let row = start; row < end; row++) {
      const module = modules[row]!
      let weight = 0
      for (let at = offsets[row]! - base; at < offsets[row + 1]! - base; at++) {
        weight += weights[at]!
        if (modules[neighbors[at]!] !== module) exit[module]! += weights[at]!
      }
      flow[module]! += weight
      total += weight
      ofRows += plogp(weight)
    }
  }
  if (total === 0) return 0
  // Of shares: plogp(w / t) = plogp(w) / t − w log(t) / t.
  let length = -(ofRows / total - Math.log(total))
  let exits = 0
  for (let module = 0; module < rows; module++) {
    const q = exit[module]! / total
    exits += q
    length += plogp(q + flow[module]! / total) - 2 * plogp(q)
  }
  return (length + plogp(exits)) / Math.LN2
}
