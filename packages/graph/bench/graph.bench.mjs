// Edges per second of union-find and of both steps, beside a union-find on a Map; those of communities. `npm run bench`
import { compare, seededRandom } from '@facekit/testing'
import {
  buildAdjacency,
  clusterEdges,
  mapEquation,
  polish,
  smooth,
  sweepThresholds,
  UnionFind,
} from '@facekit/graph'

const ROWS = 1_000_000
const EDGES = 2_000_000
const BATCH_EDGES = 65_536

const random = seededRandom(1)
const source = new Uint32Array(EDGES)
const target = new Uint32Array(EDGES)
const similarity = new Float32Array(EDGES)
for (let i = 0; i < EDGES; i++) {
  // Mostly within groups of five rows, as identities are.
  const row = Math.floor(random() * (ROWS - 5))
  source[i] = row
  target[i] = row + 1 + Math.floor(random() * 4)
  similarity[i] = 0.7 + 0.3 * random()
}

const THRESHOLDS = Array.from({ length: 31 }, (_, i) => (70 + i) / 100)

function* batches() {
  for (let at = 0; at < EDGES; at += BATCH_EDGES) {
    const end = at + BATCH_EDGES
    yield {
      source: source.subarray(at, end),
      target: target.subarray(at, end),
      similarity: similarity.subarray(at, end),
    }
  }
}

function onMap() {
  /** @type {Map<number, number>} */
  const parent = new Map()
  /** @type {(row: number) => number} */
  const find = (row) => {
    let at = row
    for (let next = parent.get(at); next !== undefined; next = parent.get(at)) at = next
    return at
  }
  for (let i = 0; i < EDGES; i++) {
    const a = find(source[i])
    const b = find(target[i])
    if (a !== b) parent.set(Math.max(a, b), Math.min(a, b))
  }
  return parent.size
}

function onUnionFind() {
  const components = new UnionFind(ROWS)
  for (let i = 0; i < EDGES; i++) components.union(source[i], target[i])
  return components.find(ROWS - 1)
}

async function bothSteps() {
  const stage = clusterEdges({ rows: ROWS, duplicateThreshold: 0.9, clusterThreshold: 0.7 })
  for (const batch of batches()) stage.write(batch)
  stage.end()
  const [clustering] = await stage.toArray()
  return clustering.sizes.length
}

async function manyThresholds() {
  const edges = async function* () {
    yield* batches()
  }
  const options = { rows: ROWS, duplicateThreshold: 0.9, thresholds: THRESHOLDS, edges }
  return (await sweepThresholds(options)).outcomes.length
}

await compare(`${ROWS} rows, ${EDGES} edges`, [
  { name: 'union-find on a Map', run: onMap, per: { edges: EDGES } },
  { name: 'UnionFind', run: onUnionFind, per: { edges: EDGES } },
  { name: 'clusterEdges, both steps', run: bothSteps, per: { edges: EDGES, rows: ROWS } },
  {
    name: `sweepThresholds, ${THRESHOLDS.length} of them`,
    run: manyThresholds,
    per: { edges: EDGES, rows: ROWS },
  },
])

const FACES = 200_000
const FACE_EDGES = 10_000_000
const PERSON_FACES = 200
const DIM = 128

/** Persons of 200 faces, most of whose edges are within; one in a hundred leads to another person. */
async function* faceEdges() {
  const draw = seededRandom(2)
  const each = FACE_EDGES / FACES
  const others = new Set()
  for (let start = 0; start < FACES; start += 1000) {
    const edges = []
    for (let row = start; row < start + 1000; row++) {
      const person = row - (row % PERSON_FACES)
      others.clear()
      // Smaller rows of a person have more larger ones.
      const within = Math.min(
        person + PERSON_FACES - 1 - row,
        Math.round(2 * each * (1 - (row - person) / PERSON_FACES)),
      )
      while (others.size < within)
        others.add(row + 1 + Math.floor(draw() * (person + PERSON_FACES - 1 - row)))
      if (draw() < 0.5 && row < FACES - 1) others.add(row + 1 + Math.floor(draw() * (FACES - 1 - row)))
      for (const other of [...others].sort((a, b) => a - b)) edges.push([row, other, 0.5 + draw() / 2])
    }
    yield {
      source: Uint32Array.from(edges, ([row]) => row),
      target: Uint32Array.from(edges, ([, other]) => other),
      similarity: Float32Array.from(edges, ([, , cosine]) => cosine),
    }
  }
}

const draw = seededRandom(3)
const directions = Float32Array.from({ length: (FACES / PERSON_FACES) * DIM }, () => draw() - 0.5)
const faces = Float32Array.from(
  { length: FACES * DIM },
  (_, i) => directions[Math.floor(i / DIM / PERSON_FACES) * DIM + (i % DIM)] + 0.8 * (draw() - 0.5),
)
for (let row = 0; row < FACES; row++) {
  const face = faces.subarray(row * DIM, (row + 1) * DIM)
  const length = Math.sqrt(face.reduce((sum, value) => sum + value * value, 0))
  for (let k = 0; k < DIM; k++) face[k] /= length
}
const embeddings = {
  rows: FACES,
  dim: DIM,
  /** @type {(start: number, end: number, into: Float32Array) => void} */
  readUnits: (start, end, into) => into.set(faces.subarray(start * DIM, end * DIM)),
}

const stays = new Uint8Array(FACES).fill(1)
const graph = await buildAdjacency({ rows: FACES, edges: faceEdges, stays, threshold: 0.5 })
const count = graph.offsets[FACES] / 2
const { modules } = await mapEquation(graph)
const per = { edges: count, rows: FACES }
await compare(
  `${FACES} rows, ${count} edges`,
  [
    { name: 'mapEquation', run: () => mapEquation(graph), per },
    { name: 'smooth', run: () => smooth(graph, embeddings), per },
    { name: 'polish', run: () => polish(graph, embeddings, modules), per },
  ],
  { repeats: 3 },
)
