import { checkPositiveInteger, iterate, NO_CLASS, type BatchesOf, type EdgeBatch } from '@facekit/core'
import { checkEdges } from './check-edges.js'
import { hearSignal } from './hear-signal.js'
import { UnionFind } from './union-find.js'

/** Where bridges are looked for. */
export interface BridgeOptions {
  /** rows × int32: the class of each row, or `NO_CLASS`. Edges between classes do not count. */
  classOf: Int32Array
  /** Those that join rows: at or above the threshold. */
  edges: BatchesOf<EdgeBatch>
  /** Rows that each half has at least. */
  leastHalf: number
  /** Bridges to give. */
  most: number
  signal?: AbortSignal | undefined
}

/** The only edge between two halves of a class. */
export interface Bridge {
  class: number
  source: number
  target: number
  similarity: number
  /** Bridges of this class with halves large enough, this one counted. */
  ofClass: number
  /** The rows of the half of `source` and of that of `target`. */
  halves: [Uint32Array, Uint32Array]
}

/** Edges that hold classes together. */
export interface Bridges {
  /** Classes that have such a bridge. */
  classes: number
  /** One per class, that whose smaller half is the largest; of all classes those with the largest first. */
  bridges: Bridge[]
}

/** Two forests of edges, what is known of each vertex, and a stack of them. */
export const BRIDGE_ROW_BYTES = 80

/**
 * Finds edges whose removal splits a class into two large halves. Edges are read once, in any order, and not kept: those
 * of a spanning forest, and of a second one in what the first left, have the same bridges as all of them (Nagamochi and
 * Ibaraki 1992, "A linear-time algorithm for finding a sparse k-connected spanning subgraph"), so that memory is
 * `BRIDGE_ROW_BYTES` a row however many edges there are. Bridges are found by Tarjan's depth-first search (1974, "A note
 * on finding the bridges of a graph").
 *
 * @throws GraphError `EDGE`; OptionError; the reason of the signal
 */
export async function findBridges(options: BridgeOptions): Promise<Bridges> {
  const leastHalf = checkPositiveInteger('leastHalf', options.leastHalf)
  const most = checkPositiveInteger('most', options.most)
  const forests = await twoForests(options)
  const graph = adjacencyOf(forests)
  await hearSignal(options.signal)
  const best = bestOfClasses(bridgesOf(graph, leastHalf), options, forests)
  return {
    classes: best.length,
    bridges: best.slice(0, most).map(({ edge, child, of, first, rows, ofClass }) => {
      const begin = graph.rank[child]!
      const end = begin + graph.size[child]!
      const below = graph.order.slice(begin, end)
      const above = new Uint32Array(rows - below.length)
      above.set(graph.order.subarray(first, begin))
      above.set(graph.order.subarray(end, first + rows), begin - first)
      const source = forests.source[edge]!
      return {
        class: of,
        source,
        target: forests.target[edge]!,
        similarity: forests.similarity[edge]!,
        ofClass,
        halves: source === child ? [below, above] : [above, below],
      }
    }),
  }
}

interface Forests {
  rows: number
  edges: number
  source: Uint32Array
  target: Uint32Array
  similarity: Float32Array
}

async function twoForests({ classOf, edges, signal }: BridgeOptions): Promise<Forests> {
  const rows = classOf.length
  const first = new UnionFind(rows)
  const second = new UnionFind(rows)
  const source = new Uint32Array(2 * rows)
  const target = new Uint32Array(2 * rows)
  const similarity = new Float32Array(2 * rows)
  let count = 0
  for await (const batch of iterate(edges)) {
    signal?.throwIfAborted()
    checkEdges(batch, rows)
    for (let i = 0; i < batch.source.length; i++) {
      const a = batch.source[i]!
      const b = batch.target[i]!
      if (classOf[a] === NO_CLASS || classOf[a] !== classOf[b]) continue
      const forest = first.find(a) !== first.find(b) ? first : second
      if (forest === second && second.find(a) === second.find(b)) continue
      forest.union(a, b)
      source[count] = a
      target[count] = b
      similarity[count] = batch.similarity[i]!
      count++
    }
  }
  return { rows, edges: count, source, target, similarity }
}

interface Graph extends Forests {
  /** (rows + 1) × uint32: where the edges of each row begin in `incident`. */
  start: Uint32Array
  /** Numbers of edges. */
  incident: Uint32Array
  /** rows × uint32: when a row was first seen; the rows below it follow. */
  rank: Uint32Array
  /** rows × uint32: rows by rank. */
  order: Uint32Array
  /** rows × uint32: rows below each in the search, itself counted. */
  size: Uint32Array
}

function adjacencyOf(forests: Forests): Graph {
  const { rows, edges, source, target } = forests
  const start = new Uint32Array(rows + 1)
  for (let edge = 0; edge < edges; edge++) {
    start[source[edge]! + 1]!++
    start[target[edge]! + 1]!++
  }
  for (let row = 0; row < rows; row++) start[row + 1]! += start[row]!
  const next = start.slice(0, rows)
  const incident = new Uint32Array(2 * edges)
  for (let edge = 0; edge < edges; edge++) {
    incident[next[source[edge]!]!++] = edge
    incident[next[target[edge]!]!++] = edge
  }
  const [rank, order, size] = [new Uint32Array(rows), new Uint32Array(rows), new Uint32Array(rows)]
  return { ...forests, start, incident, rank, order, size }
}

interface Found {
  edge: number
  /** The row at its lower end. */
  child: number
  /** Ranks of all that it joins: the first, and how many. */
  first: number
  rows: number
  /** Rows in the smaller half. */
  half: number
}

const UNSEEN = 0xffffffff
const NO_EDGE = 0xffffffff

/** Fills `rank`, `order` and `size`. */
function* bridgesOf(graph: Graph, leastHalf: number): Generator<Found> {
  const { rows, source, target, start, incident, rank, order, size } = graph
  rank.fill(UNSEEN)
  /** The smallest rank that is reached from below without the edge that leads there. */
  const low = new Uint32Array(rows)
  const upEdge = new Uint32Array(rows)
  const next = start.slice(0, rows)
  let seen = 0
  const see = (row: number, edge: number) => {
    rank[row] = low[row] = seen
    order[seen++] = row
    size[row] = 1
    upEdge[row] = edge
  }
  for (let root = 0; root < rows; root++) {
    if (rank[root] !== UNSEEN) continue
    const first = seen
    const candidates: number[] = []
    see(root, NO_EDGE)
    for (let row = root; ;) {
      if (next[row]! < start[row + 1]!) {
        const edge = incident[next[row]!++]!
        if (edge === upEdge[row]) continue
        const other = source[edge] === row ? target[edge]! : source[edge]!
        if (rank[other] === UNSEEN) {
          see(other, edge)
          row = other
        } else low[row] = Math.min(low[row]!, rank[other]!)
        continue
      }
      const edge = upEdge[row]!
      if (edge === NO_EDGE) break
      const parent = source[edge] === row ? target[edge]! : source[edge]!
      low[parent] = Math.min(low[parent]!, low[row]!)
      size[parent]! += size[row]!
      if (low[row] === rank[row] && size[row]! >= leastHalf) candidates.push(row)
      row = parent
    }
    const component = seen - first
    for (const child of candidates) {
      const half = Math.min(size[child]!, component - size[child]!)
      if (half >= leastHalf) yield { edge: upEdge[child]!, child, first, rows: component, half }
    }
  }
}

interface Best extends Found {
  of: number
  ofClass: number
}

/** The rows of a class need not hang together: communities may leave out edges that joined them. */
function bestOfClasses(found: Iterable<Found>, { classOf }: BridgeOptions, forests: Forests): Best[] {
  const byBalance = (a: Found, b: Found) =>
    b.half - a.half || forests.similarity[a.edge]! - forests.similarity[b.edge]! || a.edge - b.edge
  const best = new Map<number, Best>()
  for (const bridge of found) {
    const of = classOf[bridge.child]!
    const before = best.get(of)
    const ofClass = (before?.ofClass ?? 0) + 1
    if (before && byBalance(before, bridge) < 0) before.ofClass = ofClass
    else best.set(of, { ...bridge, of, ofClass })
  }
  return [...best.values()].sort(byBalance)
}
