// What a search of added rows costs beside one of all rows: seconds of each, in turns, where so many percent were added to
// rows whose edges are known. `npm run bench`; rows, percent and dim may be given.
import { availableParallelism } from 'node:os'
import { Gallery, regionOfAdded, searchNeighbors } from '@facekit/index-faiss'
import { compare, People } from '@facekit/testing'

const [rows = 262_144, percent = 10, dim = 512] = process.argv.slice(2).map(Number)
const first = Math.round(rows / (1 + percent / 100))

const people = new People(rows, dim)
const embeddings = new Float32Array(rows * dim)
for (let row = 0; row < rows; row++) people.embed(row, embeddings.subarray(row * dim, (row + 1) * dim))

/**
 * @param {number} count
 * @param {Partial<import('@facekit/index-faiss').SearchOptions>} [options]
 */
async function search(count, options) {
  const gallery = new Gallery(count, dim)
  gallery.add(embeddings.subarray(0, count * dim))
  /** @type {import('@facekit/core').EdgeBatch[]} */
  const edges = []
  const threads = availableParallelism()
  for await (const batch of searchNeighbors(gallery, { threshold: 0.7, topK: 100, threads, ...options }))
    edges.push(batch)
  return edges
}

const before = await search(first)

async function* known() {
  yield* before
}

const [full = 1, added = 1] = await compare(
  `Search of ${rows} × ${dim}, ${percent} % of them added`,
  [
    { name: 'all pairs', per: { rows }, run: () => search(rows) },
    {
      name: 'added × all',
      per: { rows },
      run: () => search(rows, { region: regionOfAdded(rows, first), known: known() }),
    },
  ],
  { repeats: 3 },
)
console.log(
  `  ${full.toFixed(2)} s and ${added.toFixed(2)} s: ${((100 * added) / full).toFixed(0)} % of the time`,
)
