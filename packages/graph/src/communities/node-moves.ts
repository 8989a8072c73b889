import { hearSignal } from '../hear-signal.js'
import { ROWS_AT_ONCE, type Adjacency, type AdjacencyBlock } from './adjacency.js'
import { plogp } from './code-length.js'

/** Passes over the nodes, at most. Most nodes move in the first few. */
const PASSES = 20
/** A pass that moves a smaller share of the nodes is the last. */
const LEAST_SHARE_MOVED = 1e-4

/** A move has to shorten the code by so much, in nats, and moves that differ by less are equally good: rounding decides neither. */
const LEAST_GAIN = 1e-10
const TIE = 1e-13

/**
 * Greedy moves of single nodes that shorten the code of the map equation, as those of Blondel et al. (2008, "Fast
 * unfolding of communities in large networks") raise modularity: nodes in ascending order, each to the module of a
 * neighbor, or to an empty one, that shortens it most; the lower module of equal ones. Whoever has a neighbor that moved
 * is looked at again in the next pass.
 */
export class NodeMoves {
  readonly #graph: Adjacency
  readonly #modules: Int32Array
  /** Twice the weight within a node, which was a module before. */
  readonly #inner: Float64Array
  /** The weight of all nodes, twice that of all edges. */
  readonly #total: number
  /** Nodes × float64: the weight of each node, and that within. */
  readonly #weight: Float64Array
  // Of each module: the weight of its nodes, that which stays within, how many nodes it has, what it adds to the length.
  readonly #moduleWeight: Float64Array
  readonly #moduleInner: Float64Array
  readonly #members: Uint32Array
  readonly #term: Float64Array
  /** Modules without nodes; the last is taken first. */
  readonly #empty: Int32Array
  #emptyCount = 0
  /** The share of the steps that lead out of a module. */
  #exit = 0
  /** 0: not to be visited; 1, 2: in the passes of odd and even numbers. */
  readonly #queued: Uint8Array
  /** To each module from the node that is visited; 0 for modules that are not among `#touched`. */
  readonly #linked: Float64Array
  readonly #touched: Int32Array

  /**
   * @param inner nodes × float64: twice the weight within each
   * @param modules nodes × int32: 0 … nodes − 1; nodes move here
   * @param total of all nodes, edges and inner weights counted twice
   */
  constructor(graph: Adjacency, inner: Float64Array, modules: Int32Array, total: number) {
    const nodes = graph.rows
    this.#graph = graph
    this.#modules = modules
    this.#inner = inner
    this.#total = total
    this.#weight = inner.slice()
    this.#moduleWeight = new Float64Array(nodes)
    this.#moduleInner = new Float64Array(nodes)
    this.#members = new Uint32Array(nodes)
    this.#term = new Float64Array(nodes)
    this.#empty = new Int32Array(nodes)
    this.#queued = new Uint8Array(nodes).fill(1)
    this.#linked = new Float64Array(nodes)
    this.#touched = new Int32Array(nodes)
  }

  /** @returns by how much the code is longer, in nats: 0 where no node moved, and below otherwise */
  async run(signal: AbortSignal | undefined): Promise<number> {
    await this.#measure(signal)
    let longer = 0
    for (let pass = 0; pass < PASSES; pass++) {
      let moves = 0
      for (const block of this.#graph.blocks(ROWS_AT_ONCE)) {
        await hearSignal(signal)
        const moved = this.#visit(block, 1 + (pass % 2))
        moves += moved.moves
        longer += moved.longer
      }
      if (moves === 0 || moves < LEAST_SHARE_MOVED * this.#modules.length) break
    }
    return longer
  }

  async #measure(signal: AbortSignal | undefined): Promise<void> {
    const modules = this.#modules
    const { offsets } = this.#graph
    for (const { start, end, base, neighbors, weights } of this.#graph.blocks(ROWS_AT_ONCE)) {
      await hearSignal(signal)
      for (let node = start; node < end; node++) {
        const module = modules[node]!
        let inner = this.#inner[node]!
        for (let at = offsets[node]! - base; at < offsets[node + 1]! - base; at++) {
          this.#weight[node]! += weights[at]!
          if (modules[neighbors[at]!] === module) inner += weights[at]!
        }
        this.#moduleWeight[module]! += this.#weight[node]!
        this.#moduleInner[module]! += inner
        this.#members[module]!++
      }
    }
    let exit = 0
    for (let module = 0; module < modules.length; module++) {
      if (this.#members[module] === 0) this.#empty[this.#emptyCount++] = module
      exit += this.#moduleWeight[module]! - this.#moduleInner[module]!
      this.#term[module] = term(this.#moduleWeight[module]!, this.#moduleInner[module]!, this.#total)
    }
    this.#exit = exit / this.#total
  }

  #visit(
    { start, end, base, neighbors, weights }: AdjacencyBlock,
    pass: number,
  ): { moves: number; longer: number } {
    const { offsets } = this.#graph
    const modules = this.#modules
    const moduleWeight = this.#moduleWeight
    const moduleInner = this.#moduleInner
    const members = this.#members
    const terms = this.#term
    const queued = this.#queued
    const linked = this.#linked
    const touched = this.#touched
    const total = this.#total
    let moves = 0
    let longer = 0
    for (let node = start; node < end; node++) {
      if (queued[node] !== pass) continue
      queued[node] = 0
      const first = offsets[node]! - base
      const last = offsets[node + 1]! - base
      let count = 0
      for (let at = first; at < last; at++) {
        const module = modules[neighbors[at]!]!
        if (linked[module] === 0) touched[count++] = module
        linked[module]! += weights[at]!
      }

      const from = modules[node]!
      const weight = this.#weight[node]!
      const inner = this.#inner[node]!
      const exit = this.#exit
      const exitTerm = plogp(exit)
      const leftWeight = members[from] === 1 ? 0 : moduleWeight[from]! - weight
      const leftInner = members[from] === 1 ? 0 : moduleInner[from]! - inner - 2 * linked[from]!
      const leftTerm = term(leftWeight, leftInner, total)
      const exitWithout = exit - (moduleWeight[from]! - moduleInner[from]! - (leftWeight - leftInner)) / total
      let to = from
      let least = -LEAST_GAIN
      // The module after the last is an empty one: a node may be better off alone.
      const candidates = members[from]! > 1 && this.#emptyCount > 0 ? count + 1 : count
      for (let i = 0; i < candidates; i++) {
        const module = i < count ? touched[i]! : this.#empty[this.#emptyCount - 1]!
        if (module === from) continue
        const before = moduleWeight[module]! - moduleInner[module]!
        const joinedWeight = moduleWeight[module]! + weight
        const joinedInner = moduleInner[module]! + inner + 2 * linked[module]!
        const change =
          plogp(exitWithout + (joinedWeight - joinedInner - before) / total) -
          exitTerm +
          (leftTerm - terms[from]!) +
          (term(joinedWeight, joinedInner, total) - terms[module]!)
        if (change < least - TIE || (change < least + TIE && to !== from && module < to)) {
          to = module
          least = change
        }
      }

      if (to !== from) {
        if (members[to] === 0) this.#emptyCount--
        const before = moduleWeight[to]! - moduleInner[to]!
        moduleWeight[from] = leftWeight
        moduleInner[from] = leftInner
        terms[from] = leftTerm
        if (--members[from]! === 0) this.#empty[this.#emptyCount++] = from
        moduleWeight[to]! += weight
        moduleInner[to]! += inner + 2 * linked[to]!
        terms[to] = term(moduleWeight[to]!, moduleInner[to]!, total)
        members[to]!++
        modules[node] = to
        this.#exit = exitWithout + (moduleWeight[to]! - moduleInner[to]! - before) / total
        longer += least
        moves++
        for (let at = first; at < last; at++) {
          const neighbor = neighbors[at]!
          if (queued[neighbor] === 0 && modules[neighbor] !== to) queued[neighbor] = 3 - pass
        }
      }
      for (let i = 0; i < count; i++) linked[touched[i]!] = 0
    }
    return { moves, longer }
  }
}

/** −2 plogp(q) + plogp(q + s) of a module, in nats. */
function term(weight: number, inner: number, total: number): number {
  const exit = (weight - inner) / total
  return plogp(exit + weight / total) - 2 * plogp(exit)
}
