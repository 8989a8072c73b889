// Rows and pairs per second of the engines, beside the bare product of the same matrix. `npm run bench`
import { availableParallelism } from 'node:os'
import { compare, seededRandom } from '@facekit/testing'
import { chooseEngine, Gallery, searchNeighbors } from '@facekit/index-faiss'
import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'

const DIM = 512
const ROWS_PER_IDENTITY = 5
const TILE = 2048
const threads = availableParallelism()

/** @param {number} rows */
function makeGallery(rows) {
  const random = seededRandom(rows)
  const vector = () => Float32Array.from({ length: DIM }, () => random() - 0.5)
  const gallery = new Gallery(rows, DIM)
  let centre = vector()
  for (let row = 0; row < rows; row++) {
    if (row % ROWS_PER_IDENTITY === 0) centre = vector()
    const noise = vector()
    gallery.set(
      row,
      centre.map((value, i) => value + noise[i] / 2),
    )
  }
  return gallery
}

/**
 * @param {Gallery} gallery
 * @param {'tiles' | 'faiss'} engine
 */
async function search(gallery, engine) {
  let edges = 0
  for await (const { source } of searchNeighbors(gallery, { engine, threshold: 0.7, topK: 100, threads })) {
    edges += source.length
  }
  return edges
}

async function bareProduct() {
  const model = buildModel({
    name: 'product',
    inputs: ['a', 'b'].map((name) => ({ name, elementType: 'float32', shape: [TILE, DIM] })),
    outputs: [{ name: 'c', elementType: 'float32', shape: [TILE, TILE] }],
    nodes: [{ opType: 'Gemm', inputs: ['a', 'b'], outputs: ['c'], attributes: { transB: 1 } }],
    initializers: [],
  })
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads })
  const random = seededRandom(3)
  const tile = () => new Tensor('float32', Float32Array.from({ length: TILE * DIM }, random), [TILE, DIM])
  const feeds = { a: tile(), b: tile() }
  /** @param {number} rows */
  return async (rows) => {
    for (let tiles = (rows / TILE) ** 2; tiles > 0; tiles--) await session.run(feeds)
  }
}

const faiss = await chooseEngine('faiss').then(
  () => true,
  () => false,
)
if (!faiss) console.log('faiss-node is not installed: FAISS is left out')
const product = await bareProduct()
for (const rows of [4096, 16_384]) {
  const gallery = makeGallery(rows)
  const per = { rows, Mpairs: rows ** 2 / 1e6, GFLOP: (2 * rows ** 2 * DIM) / 1e9 }
  /** @type {('tiles' | 'faiss')[]} */
  const engines = faiss ? ['tiles', 'faiss'] : ['tiles']
  await compare(
    `${rows} rows of ${DIM}, ${threads} threads`,
    [
      { name: 'bare float32 product', run: () => product(rows), per },
      ...engines.map((engine) => ({ name: `engine ${engine}`, run: () => search(gallery, engine), per })),
    ],
    { repeats: 3 },
  )
}
