import type { EmbeddingReader } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { buildAdjacency, type Adjacency } from '../src/index.js'
import { randomBatches, type Edge } from './reference.js'

/** n × dim float32, made of length 1. */
export function readerOf(values: Float32Array, dim: number): EmbeddingReader {
  const rows = values.length / dim
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * dim, (row + 1) * dim)
    const length = Math.hypot(...own)
    if (length > 0) own.forEach((value, k) => (own[k] = value / length))
  }
  return {
    rows,
    dim,
    readUnits: (start, end, into) => into.set(values.subarray(start * dim, end * dim)),
  }
}

export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/**
 * People whose faces have a cosine around `alike`, a face of each in turn.
 *
 * @returns values, n × dim float32, and n persons
 */
export function faces(
  people: number,
  each: number,
  dim: number,
  alike: number,
  seed: number,
): { values: Float32Array; persons: Int32Array } {
  const random = seededRandom(seed)
  const centers = Array.from({ length: people }, () => unit(dim, random))
  const persons = Int32Array.from({ length: people * each }, (_, i) => i % people)
  const values = new Float32Array(persons.length * dim)
  persons.forEach((person, row) => {
    const noise = unit(dim, random)
    for (let k = 0; k < dim; k++)
      values[row * dim + k] = Math.sqrt(alike) * centers[person]![k]! + Math.sqrt(1 - alike) * noise[k]!
  })
  return { values, persons }
}

export function unit(dim: number, random: () => number): Float32Array {
  const values = Float32Array.from({ length: dim }, () => normal(random))
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}

/** All pairs at or above a cosine that either end has among its `topK` nearest, ascending. */
export function bruteForceEdges(
  { values, dim }: { values: Float32Array; dim: number },
  threshold: number,
  topK = Infinity,
): Edge[] {
  const rows = values.length / dim
  const near: [other: number, cosine: number][][] = Array.from({ length: rows }, () => [])
  for (let a = 0; a < rows; a++) {
    for (let b = a + 1; b < rows; b++) {
      let sum = 0
      for (let k = 0; k < dim; k++) sum += values[a * dim + k]! * values[b * dim + k]!
      const cosine = Math.min(1, Math.fround(sum))
      if (cosine < threshold) continue
      near[a]!.push([b, cosine])
      near[b]!.push([a, cosine])
    }
  }
  const listed = near.map((list) =>
    list.length <= topK ? list : list.sort((p, q) => q[1] - p[1] || p[0] - q[0]).slice(0, topK),
  )
  const edges = new Map<number, Edge>()
  listed.forEach((list, row) => {
    for (const [other, cosine] of list) {
      const [a, b] = [Math.min(row, other), Math.max(row, other)]
      edges.set(a * rows + b, [a, b, cosine])
    }
  })
  return [...edges.values()].sort((p, q) => p[0] - q[0] || p[1] - q[1])
}

/** Gives edges again and again, cut in another way each time. */
export function again(edges: readonly Edge[], most = 1000, seed = 1) {
  const random = seededRandom(seed)
  return async function* () {
    yield* randomBatches(edges, most, random)
  }
}

export function adjacencyOf(rows: number, edges: readonly Edge[]): Promise<Adjacency> {
  const sorted = [...edges].sort((p, q) => p[0] - q[0] || p[1] - q[1])
  const stays = new Uint8Array(rows).fill(1)
  return buildAdjacency({ rows, edges: again(sorted), stays, threshold: -1 })
}

/** Every edge between so many rows by chance. */
export function randomGraph(rows: number, share: number, random: () => number): Edge[] {
  const edges: Edge[] = []
  for (let a = 0; a < rows; a++)
    for (let b = a + 1; b < rows; b++)
      if (random() < share) edges.push([a, b, Math.fround(0.5 + random() / 2)])
  return edges
}
