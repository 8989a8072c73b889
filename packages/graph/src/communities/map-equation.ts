import { hearSignal } from '../hear-signal.js'
import { ROWS_AT_ONCE, type Adjacency } from './adjacency.js'
import { aggregate } from './aggregate.js'
import { codeLength } from './code-length.js'
import { NodeMoves } from './node-moves.js'
import { numberModules } from './number-modules.js'

/** After the modules of modules, single rows move again, at most so many times; the second time changes little. */
const ROUNDS = 3

/** Modules of rows. */
export interface Modules {
  /** rows × int32: the module of each row, numbered in the order of their smallest rows. */
  modules: Int32Array
  /** What `codeLength` gives, as the sum of all changes. */
  codeLength: number
}

/**
 * Modules of a graph that make the description of a random walk on it short: the two-level map equation, see
 * `codeLength`. Single nodes move greedily (see `NodeMoves`); modules become the nodes of a smaller graph, and so on until
 * nothing moves (Blondel et al. 2008); then rows may move once more. Nothing is random: equal graphs have equal modules.
 *
 * A row without edges is a module of its own.
 *
 * @throws the reason of the signal
 */
export async function mapEquation(graph: Adjacency, signal?: AbortSignal): Promise<Modules> {
  const { rows } = graph
  let modules = Int32Array.from({ length: rows }, (_, row) => row)
  let length = codeLength(graph, modules)
  const total = await totalWeight(graph, signal)
  if (total === 0) return { modules, codeLength: length }

  const none = new Float64Array(rows)
  for (let round = 0; round < ROUNDS; round++) {
    let longer = await new NodeMoves(graph, none, modules, total).run(signal)
    let count = numberModules(modules)
    let level = await aggregate(graph, none, modules, count, signal)
    for (;;) {
      const above = Int32Array.from({ length: count }, (_, node) => node)
      const change = await new NodeMoves(level.graph, level.inner, above, total).run(signal)
      if (change === 0) break
      longer += change
      count = numberModules(above)
      level = await aggregate(level.graph, level.inner, above, count, signal)
      modules = modules.map((module) => above[module]!)
    }
    length += longer / Math.LN2
    if (longer === 0) break
  }
  return { modules, codeLength: length }
}

async function totalWeight(graph: Adjacency, signal: AbortSignal | undefined): Promise<number> {
  let total = 0
  for (const { weights } of graph.blocks(ROWS_AT_ONCE)) {
    await hearSignal(signal)
    for (let at = 0; at < weights.length; at++) total += weights[at]!
  }
  return total
}
