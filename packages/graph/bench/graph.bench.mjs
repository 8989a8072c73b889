// Edges per second of union-find and of both steps, beside a union-find on a Map. `npm run bench`
import { compare, seededRandom } from '@facekit/testing'
import { clusterEdges, sweepThresholds, UnionFind } from '@facekit/graph'

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
