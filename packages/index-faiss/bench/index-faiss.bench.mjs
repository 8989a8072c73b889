// Seconds of the whole search, beside FAISS as the scripts call it (twice, k = 100) and beside the bare products of
// 8-bit codes of the same half of the matrix: the machine's limit where no product is left out. One run, one table. `npm run bench`
import { availableParallelism } from 'node:os'
import { chooseEngine, Gallery, searchNeighbors } from '@facekit/index-faiss'
import { compare, People } from '@facekit/testing'
import { codeProducts } from './code-products.mjs'

const DIM = 512
const THRESHOLD = 0.7
const TOP_K = 100
const threads = availableParallelism()

// FAISS needs minutes for the larger ones; its time grows with the square.
const SIZES = [
  { rows: 16_384, repeats: 5, faiss: true },
  { rows: 65_536, repeats: 3, faiss: true },
  { rows: 131_072, repeats: 2, faiss: false },
]

/** @param {number} rows */
function makeEmbeddings(rows) {
  const people = new People(rows, DIM)
  const embeddings = new Float32Array(rows * DIM)
  for (let row = 0; row < rows; row++) people.embed(row, embeddings.subarray(row * DIM, (row + 1) * DIM))
  return embeddings
}

/**
 * @param {Float32Array} embeddings
 * @param {'screened' | 'tiles' | 'faiss'} engine
 */
async function search(embeddings, engine) {
  const gallery = new Gallery(embeddings.length / DIM, DIM)
  gallery.add(embeddings)
  let edges = 0
  for await (const { source } of searchNeighbors(gallery, {
    engine,
    threshold: THRESHOLD,
    topK: TOP_K,
    threads,
  }))
    edges += source.length
  return edges
}

const faissInstalled = await chooseEngine('faiss').then(
  () => true,
  () => false,
)
if (!faissInstalled) console.log('faiss-node is not installed: FAISS is left out')
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

/** @type {Record<string, string | number>[]} */
const table = []
for (const { rows, repeats, faiss } of SIZES) {
  const embeddings = makeEmbeddings(rows)
  const per = { Mpairs: (rows * (rows - 1)) / 2 / 1e6, GOP: (rows * (rows - 1) * DIM) / 1e9 }
  const products = await codeProducts(rows, DIM, threads)
  const [reduced = 0, kept = 0, screened = 0] = await compare(
    `${rows} rows of ${DIM}, ${threads} threads`,
    [
      { name: 'bare products of codes, largest of each 64', run: () => products.run('maxima'), per },
      { name: 'bare products of codes, all kept', run: () => products.run('products'), per },
      { name: 'whole search, screened', run: () => search(embeddings, 'screened'), per },
      ...(faiss
        ? [{ name: 'whole search, float32 tiles', run: () => search(embeddings, 'tiles'), per }]
        : []),
    ],
    { repeats },
  )
  await products.close()
  /** @type {number | undefined} */
  let faissSeconds
  if (faiss && faissInstalled) {
    // Once: it is slow, and steady.
    const start = performance.now()
    searchTwiceWithFaiss(embeddings)
    faissSeconds = (performance.now() - start) / 1000
  }
  table.push({
    rows,
    'FAISS twice, s': faissSeconds?.toFixed(1) ?? '',
    'screened, s': screened.toFixed(2),
    'bare products, s': kept.toFixed(2),
    'bare products reduced, s': reduced.toFixed(2),
    'FAISS / screened': faissSeconds ? (faissSeconds / screened).toFixed(1) : '',
    'screened / bare': (screened / kept).toFixed(2),
    'screened / reduced': (screened / reduced).toFixed(2),
    'Mpairs/s': Math.round(per.Mpairs / screened),
  })
}
console.log('\nMedians; the screened search with all that belongs to it, from embeddings to edges')
console.table(table)
