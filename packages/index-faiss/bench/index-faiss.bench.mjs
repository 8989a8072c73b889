// Seconds of the whole search, beside FAISS as the scripts call it (twice, k = 100) and beside the bare products of
// 8-bit codes of the same half of the matrix: the machine's limit where no product is left out. Isotropic embeddings, and
// such with the spectrum of real ones. One run, one table. `npm run bench`; numbers of rows may be given.
import { availableParallelism, cpus } from 'node:os'
import { exactCodeRange } from '@facekit/devices'
import { chooseEngine, Gallery, searchNeighbors } from '@facekit/index-faiss'
import { compare, People } from '@facekit/testing'
import { codeProducts } from './code-products.mjs'

const DIM = 512
const KINDS = /** @type {const} */ (['isotropic', 'real'])
const THRESHOLDS = [0.7, 0.45]
const TOP_K = 100
const threads = availableParallelism()

const given = process.argv.slice(2).map(Number)
const sizes = given.length > 0 ? given : [16_384, 65_536, 131_072]

/**
 * @param {number} rows
 * @param {'isotropic' | 'real'} kind
 */
function makeEmbeddings(rows, kind) {
  const people = new People(rows, DIM, { kind })
  const embeddings = new Float32Array(rows * DIM)
  for (let row = 0; row < rows; row++) people.embed(row, embeddings.subarray(row * DIM, (row + 1) * DIM))
  return embeddings
}

/**
 * @param {Float32Array} embeddings
 * @param {number} threshold
 * @param {'screened' | 'tiles'} engine
 */
async function search(embeddings, threshold, engine) {
  const gallery = new Gallery(embeddings.length / DIM, DIM)
  gallery.add(embeddings)
  let edges = 0
  let screen = 'float32'
  for await (const { source } of searchNeighbors(gallery, {
    engine,
    threshold,
    topK: TOP_K,
    threads,
    onScreen: ({ components, rotated }) => (screen = `${components}${rotated ? ', own axes' : ''}`),
  }))
    edges += source.length
  return { edges, screen }
}

const faissInstalled = await chooseEngine('faiss').then(
  () => true,
  () => false,
)
// Its types are not there where the optional package is not.
const faissName = 'faiss-node'
const { default: faissNode } = faissInstalled ? await import(faissName) : { default: undefined }

/** @param {Float32Array} embeddings */
function searchTwiceWithFaiss(embeddings) {
  const rows = embeddings.length / DIM
  const index = new faissNode.IndexFlatIP(DIM)
  const step = 8192
  /** @type {number[][]} */
  const parts = []
  for (let at = 0; at < rows; at += step)
    parts.push(Array.from(embeddings.subarray(at * DIM, (at + step) * DIM)))
  for (const part of parts) index.add(part)
  let found = 0
  for (let step2 = 0; step2 < 2; step2++) {
    for (const part of parts) found += index.search(part, TOP_K).labels.length
  }
  return found
}

const range = await exactCodeRange()
console.log(
  `${cpus()[0]?.model}, ${threads} threads; ${range ? `8-bit products exact up to ±${range.max}` : 'no exact 8-bit products'}`,
)
if (!faissInstalled) console.log('faiss-node is not installed: FAISS is left out')

/** @type {Record<string, string | number>[]} */
const table = []
for (const rows of sizes) {
  const repeats = rows > 100_000 ? 2 : 3
  const per = { Mpairs: (rows * (rows - 1)) / 2 / 1e6, GOP: (rows * (rows - 1) * DIM) / 1e9 }
  const all = KINDS.map((kind) => ({ kind, embeddings: makeEmbeddings(rows, kind) }))
  const products = await codeProducts(rows, DIM, threads)
  const searches = all.flatMap(({ kind, embeddings }) =>
    THRESHOLDS.map((threshold) => ({ kind, threshold, embeddings })),
  )
  const seconds = await compare(
    `${rows} rows of ${DIM}, ${threads} threads`,
    [
      { name: 'bare products of codes, all kept', run: () => products.run('products'), per },
      { name: 'bare products of codes, largest of each 64', run: () => products.run('maxima'), per },
      ...searches.map(({ kind, threshold, embeddings }) => ({
        name: `whole search, ${kind}, ${threshold}`,
        run: () => search(embeddings, threshold, 'screened'),
        per,
      })),
      { name: 'whole search, float32 tiles', run: () => search(all[0].embeddings, 0.7, 'tiles'), per },
    ].filter(({ name }) => rows < 100_000 || !name.includes('float32')),
    { repeats },
  )
  await products.close()
  const [kept = NaN, reduced = NaN] = seconds
  /** @type {number | undefined} */
  let faissSeconds
  if (faissInstalled) {
    // Once: it is slow, steady, and looks at neither the data nor a threshold.
    const start = performance.now()
    searchTwiceWithFaiss(all[0].embeddings)
    faissSeconds = (performance.now() - start) / 1000
  }
  for (const [i, { kind, threshold, embeddings }] of searches.entries()) {
    const searched = seconds[2 + i] ?? NaN
    const { edges, screen } = await search(embeddings, threshold, 'screened')
    table.push({
      rows,
      kind,
      threshold,
      'screened by': screen,
      edges,
      'FAISS twice, s': faissSeconds?.toFixed(1) ?? '',
      'search, s': searched.toFixed(2),
      'FAISS / search': faissSeconds ? (faissSeconds / searched).toFixed(1) : '',
      'bare products, s': kept.toFixed(2),
      'reduced, s': reduced.toFixed(2),
      'search / bare': (searched / kept).toFixed(2),
      'Mpairs/s': Math.round(per.Mpairs / searched),
    })
  }
}
console.log('\nMedians; the search with all that belongs to it, from embeddings to edges')
console.table(table)
