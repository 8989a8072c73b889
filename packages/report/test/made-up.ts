import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { NO_CLASS, type EdgeBatch, type EmbeddingReader } from '@facekit/core'
import { EmbeddingsFingerprint, openEdges, writeEdges, type EdgeSet } from '@facekit/edges'
import { findBridges, UnionFind } from '@facekit/graph'
import { seededRandom } from '@facekit/testing'
import { onTestFinished } from 'vitest'
import { LEAST_HALF, LIMITS, type ReportSources } from '../src/index.js'

const DIM = 512
export const THRESHOLD = 0.5
const FLOOR = 0.35
const DUPLICATE = 0.97

/** Rows of length 1 that are put together by hand. */
export class Faces {
  readonly rows: Float32Array[] = []
  readonly #random: () => number

  constructor(seed = 1) {
    this.#random = seededRandom(seed)
  }

  /** Somebody new: nearly at a right angle to all others. */
  person(): Float32Array {
    return unit(
      Float32Array.from({ length: DIM }, () => this.#random() + this.#random() + this.#random() - 1.5),
    )
  }

  /** A face between some directions, by weight. @returns its row */
  add(directions: readonly Float32Array[], noise = 0.45, weights: readonly number[] = []): number {
    const sum = new Float32Array(DIM)
    directions.forEach((direction, at) =>
      direction.forEach((value, i) => (sum[i]! += (weights[at] ?? 1) * value)),
    )
    const face = unit(sum)
    this.person().forEach((value, i) => (face[i]! += noise * value))
    return this.rows.push(unit(face)) - 1
  }
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < DIM; i++) sum += a[i]! * b[i]!
  return sum
}

export interface MadeUp extends ReportSources {
  classOf: Int32Array
}

/** Two persons whom faces of both join, each to many: no edge is a bridge. */
export function addBlended(faces: Faces, pictures: number): number[] {
  const [one, other] = [faces.person(), faces.person()]
  const rows = [one, other].flatMap((person) => Array.from({ length: pictures }, () => faces.add([person])))
  for (let i = 0; i < 2; i++) rows.push(faces.add([one, other], 0.25))
  return rows
}

/** What a report is made of, from rows: classes are components at the threshold. */
export async function madeUp(
  rows: readonly Float32Array[],
  more: Partial<ReportSources> = {},
  topK = 100,
): Promise<MadeUp> {
  const edges = listed(edgesOf(rows), rows.length, topK)
  const removed = new UnionFind(rows.length)
  for (const [a, b, cosine] of edges) if (cosine >= DUPLICATE) removed.union(a, b)
  const stays = (row: number) => removed.find(row) === row
  const components = new UnionFind(rows.length)
  for (const [a, b, cosine] of edges) if (cosine >= THRESHOLD && stays(a) && stays(b)) components.union(a, b)
  const classOf = numbered(
    rows.map((_, row) => components.find(row)),
    stays,
  )
  const set = await written(edges, rows.length, topK)
  const embeddings: EmbeddingReader = {
    rows: rows.length,
    dim: DIM,
    readUnits: (start, end, into) => {
      for (let row = start; row < end; row++) into.set(rows[row]!, (row - start) * DIM)
    },
  }
  return {
    classOf,
    folder: 'labels',
    labels: {
      rows: rows.length,
      async *batches() {
        yield {
          firstRow: 0,
          indices: Uint32Array.from(rows, (_, row) => row),
          classOf,
          duplicateOf: Float64Array.from(rows, (_, row) => (stays(row) ? -1 : removed.find(row))),
        }
      },
      paths: async (wanted) => wanted.map((row) => `faces/${row}.jpg`),
    },
    run: {
      facekit: '0.1.0',
      command: ['cluster', '--input', 'faces'],
      folder: '/',
      startedAt: '2026-01-01T00:00:00.000Z',
      seconds: 1,
      input: '/faces',
      edges: '/labels/edges',
      embeddings: set.fingerprint,
      model: null,
      method: 'components',
      clusterThresh: THRESHOLD,
      duplicateThresh: DUPLICATE,
      images: rows.length,
      unusable: 0,
      classes: Math.max(...classOf) + 1,
      keptNames: false,
      nextName: Math.max(...classOf) + 1,
      labelled: rows.length,
      duplicates: 0,
    },
    recorded: new Map(),
    extracts: [],
    embeddings,
    edges: set,
    strangers: undefined,
    sweep: undefined,
    findBridges: (of, joining) =>
      findBridges({ classOf: of, edges: joining, leastHalf: LEAST_HALF, most: LIMITS.bridges }),
    failures: undefined,
    thumbnail: async () => Buffer.from('a picture'),
    ...more,
  }
}

type Edge = [source: number, target: number, cosine: number]

function edgesOf(rows: readonly Float32Array[]): Edge[] {
  const edges: Edge[] = []
  for (let a = 0; a < rows.length; a++)
    for (let b = a + 1; b < rows.length; b++) {
      const cosine = Math.fround(dot(rows[a]!, rows[b]!))
      if (cosine >= Math.fround(FLOOR)) edges.push([a, b, Math.min(1, cosine)])
    }
  return edges
}

/** Edges that are in the list of either end. */
function listed(edges: readonly Edge[], rows: number, topK: number): Edge[] {
  const lists = Array.from({ length: rows }, () => [] as Edge[])
  for (const edge of edges) for (const end of edge.slice(0, 2)) lists[end]!.push(edge)
  const kept = new Set(lists.flatMap((list) => list.sort((a, b) => b[2] - a[2]).slice(0, topK - 1)))
  return edges.filter((edge) => kept.has(edge))
}

/** Classes by size, those of equal size by their smallest row. */
function numbered(roots: readonly number[], stays: (row: number) => boolean): Int32Array {
  const sizes = new Map<number, number>()
  roots.forEach((root, row) => {
    if (stays(row)) sizes.set(root, (sizes.get(root) ?? 0) + 1)
  })
  const order = [...sizes].sort(([a, m], [b, n]) => n - m || a - b).map(([root]) => root)
  const numbers = new Map(order.map((root, number) => [root, number]))
  return Int32Array.from(roots, (root, row) => (stays(row) ? numbers.get(root)! : NO_CLASS))
}

async function written(edges: readonly Edge[], rows: number, topK: number): Promise<EdgeSet> {
  const output = mkdtempSync(join(tmpdir(), 'facekit-report-'))
  onTestFinished(() => rmSync(output, { recursive: true }))
  const batch: EdgeBatch = {
    source: Uint32Array.from(edges, ([source]) => source),
    target: Uint32Array.from(edges, ([, target]) => target),
    similarity: Float32Array.from(edges, ([, , cosine]) => cosine),
  }
  const fingerprint = new EmbeddingsFingerprint().finish()
  const info = { rows, dim: DIM, floor: Math.fround(FLOOR), topK, fingerprint, unusable: 0 }
  await pipeline(Readable.from(edges.length > 0 ? [batch] : []), writeEdges({ output, ...info }))
  return openEdges(output)
}
