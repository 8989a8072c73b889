import type { EmbeddingReader } from '@facekit/core'
import type { Adjacency, AdjacencyBlock } from './adjacency.js'
import { centroidsOf, type Centroids } from './centroids.js'
import { numberModules } from './number-modules.js'
import { LARGEST_ROOM, type Room, type StepOptions } from './room.js'
import { RowChunks } from './row-chunks.js'
import { dot } from './vectors.js'

/** A face less like every module than this stands alone. */
const LEAST_COSINE = 0.52
/** What a face's own module is ahead: faces between two stay where they are. */
const BONUS = 0.02
/** Hardly a face moves after these. */
const ROUNDS = 3

/**
 * Puts each row into the module, among its own and those of its neighbors, whose centroid without the row has the largest
 * cosine with it: 0.02 are in favour of its own, ties go to the lower module, and below 0.52 the row stands alone. All rows
 * choose at the same time, in three rounds at most. Two rows that both stand alone meet in the lower module.
 *
 * @param graph which modules a row may go to
 * @param embeddings of as many rows
 * @param modules rows × int32, not below 0
 * @returns rows × int32, numbered in the order of their smallest rows
 * @throws OptionError; the reason of the signal
 */
export async function polish(
  graph: Adjacency,
  embeddings: EmbeddingReader,
  modules: Int32Array,
  { room = LARGEST_ROOM, signal }: StepOptions = {},
): Promise<Int32Array> {
  let current: Int32Array = modules.slice()
  for (let round = 0; round < ROUNDS; round++) {
    const count = numberModules(current)
    const centroids = await centroidsOf(embeddings, current, count, room, signal)
    try {
      const next = await choose(graph, embeddings, current, centroids, room, signal)
      numberModules(next)
      if (next.every((module, row) => module === current[row])) break
      current = next
    } finally {
      centroids.units.remove()
    }
  }
  return current
}

async function choose(
  graph: Adjacency,
  embeddings: EmbeddingReader,
  modules: Int32Array,
  { units, lengths }: Centroids,
  room: Room,
  signal: AbortSignal | undefined,
): Promise<Int32Array> {
  const { dim } = embeddings
  const sizes = new Uint32Array(lengths.length)
  for (const module of modules) sizes[module]!++
  const chunks = new RowChunks(units, room.bytes)
  const listed = new Candidates(graph, modules, sizes)
  const next = new Int32Array(modules.length)
  let unused = lengths.length
  for (const block of graph.blocks(chunks.listsAtOnce)) {
    const { start, end } = block
    const rows = new Float32Array((end - start) * dim)
    await embeddings.readUnits(start, end, rows)
    const best = new Int32Array(end - start).fill(-1)
    const bestCosine = new Float64Array(end - start).fill(-Infinity)
    const { offsets, candidates } = listed.of(block)
    await chunks.sweep(offsets, candidates, signal, (i, at, values, from) => {
      const module = candidates[at]!
      let cosine = dot(rows, i * dim, values, from, dim)
      if (module === modules[start + i]) {
        const sum = lengths[module]!
        const without = Math.sqrt(Math.max(1e-9, sum * sum - 2 * sum * cosine + 1))
        cosine = (sum * cosine - 1) / without + BONUS
      }
      if (cosine > bestCosine[i]! || (cosine === bestCosine[i] && module < best[i]!)) {
        best[i] = module
        bestCosine[i] = cosine
      }
    })
    for (let row = start; row < end; row++) {
      const own = modules[row]!
      const chosen = best[row - start]!
      if (bestCosine[row - start]! >= LEAST_COSINE)
        next[row] = sizes[chosen] === 1 ? Math.min(chosen, own) : chosen
      else next[row] = sizes[own] === 1 ? own : unused++
    }
  }
  return next
}

/** Which modules rows may go to: their own, unless they are alone in it, and those of their neighbors, each once. */
class Candidates {
  readonly #graph: Adjacency
  readonly #modules: Int32Array
  readonly #sizes: Uint32Array
  /** modules × float64: the last row that has it, plus 1. */
  readonly #lastRow: Float64Array

  constructor(graph: Adjacency, modules: Int32Array, sizes: Uint32Array) {
    this.#graph = graph
    this.#modules = modules
    this.#sizes = sizes
    this.#lastRow = new Float64Array(sizes.length)
  }

  of({ start, end, base, neighbors }: AdjacencyBlock): { offsets: Float64Array; candidates: Uint32Array } {
    const modules = this.#modules
    const offsets = new Float64Array(end - start + 1)
    const candidates = new Uint32Array(end - start + neighbors.length)
    let count = 0
    for (let row = start; row < end; row++) {
      const own = modules[row]!
      if (this.#sizes[own]! > 1) candidates[count++] = own
      this.#lastRow[own] = row + 1
      for (let at = this.#graph.offsets[row]! - base; at < this.#graph.offsets[row + 1]! - base; at++) {
        const module = modules[neighbors[at]!]!
        if (this.#lastRow[module] === row + 1) continue
        this.#lastRow[module] = row + 1
        candidates[count++] = module
      }
      offsets[row - start + 1] = count
    }
    return { offsets, candidates }
  }
}
