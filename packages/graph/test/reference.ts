import { Readable } from 'node:stream'
import { NO_CLASS, NOT_A_DUPLICATE, type Clustering, type EdgeBatch } from '@facekit/core'
import { clusterEdges, type ClusterOptions } from '../src/index.js'

export type Edge = readonly [source: number, target: number, similarity: number]

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
}

export function batchOf(edges: readonly Edge[]): EdgeBatch {
  return {
    source: Uint32Array.from(edges, ([source]) => source),
    target: Uint32Array.from(edges, ([, target]) => target),
    similarity: Float32Array.from(edges, ([, , similarity]) => similarity),
  }
}

/** Cuts edges into batches of 0 … `most` edges. */
export function randomBatches(edges: readonly Edge[], most: number, random: () => number): EdgeBatch[] {
  const batches: EdgeBatch[] = []
  for (let at = 0; at < edges.length;) {
    const size = Math.floor(random() * (most + 1))
    batches.push(batchOf(edges.slice(at, at + size)))
    at += size
  }
  return batches
}

export async function cluster(batches: readonly EdgeBatch[], options: ClusterOptions): Promise<Clustering> {
  const out = await Readable.from(batches).pipe(clusterEdges(options)).toArray()
  if (out.length !== 1) throw new Error(`Expected one clustering but got ${out.length}`)
  return out[0]!
}

/** Components of rows by breadth-first search; each ascending, in the order of their smallest rows. */
export function components(rows: readonly number[], edges: readonly Edge[]): number[][] {
  const neighbors = new Map<number, number[]>(rows.map((row) => [row, []]))
  for (const [a, b] of edges) {
    neighbors.get(a)?.push(b)
    neighbors.get(b)?.push(a)
  }
  const seen = new Set<number>()
  return rows.flatMap((start) => {
    if (seen.has(start)) return []
    seen.add(start)
    const queue = [start]
    for (const row of queue) {
      for (const neighbor of neighbors.get(row)!) {
        if (!seen.has(neighbor) && neighbors.has(neighbor)) {
          seen.add(neighbor)
          queue.push(neighbor)
        }
      }
    }
    return [queue.sort((a, b) => a - b)]
  })
}

/** What `clusterEdges` promises, step by step and without care for speed. */
export function bruteForceClustering(edges: readonly Edge[], options: ClusterOptions): Clustering {
  const { rows, duplicateThreshold, clusterThreshold } = options
  const excluded = new Set(options.excluded)
  const all = Array.from({ length: rows }, (_, row) => row).filter((row) => !excluded.has(row))
  const atLeast = (threshold: number) =>
    edges.filter(([, , similarity]) => Math.fround(similarity) >= Math.fround(threshold))

  const duplicateOf = new Int32Array(rows).fill(NOT_A_DUPLICATE)
  if (duplicateThreshold !== undefined) {
    for (const [stays, ...removed] of components(all, atLeast(duplicateThreshold))) {
      for (const row of removed) duplicateOf[row] = stays!
    }
  }

  const staying = all.filter((row) => duplicateOf[row] === NOT_A_DUPLICATE)
  const classes = components(staying, atLeast(clusterThreshold)).sort(
    (a, b) => b.length - a.length || a[0]! - b[0]!,
  )
  const classOf = new Int32Array(rows).fill(NO_CLASS)
  classes.forEach((members, number) => {
    for (const row of members) classOf[row] = number
  })
  return { classOf, duplicateOf, sizes: Uint32Array.from(classes, (members) => members.length) }
}
