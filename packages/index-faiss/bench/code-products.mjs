import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'

const TILE = 1024
const BLOCK = 64

/**
 * Products of tiles of codes and nothing else, as many as one half of the matrix has, one session a thread.
 *
 * @param {number} rows
 * @param {number} dim
 * @param {number} threads
 */
export async function codeProducts(rows, dim, threads) {
  const tiles = rows / TILE
  const each = Math.ceil((tiles * (tiles + 1)) / 2 / threads)
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL(import.meta.url), { workerData: dim }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  return {
    /** @param {'maxima' | 'products'} output */
    async run(output) {
      for (const worker of workers) worker.postMessage({ output, count: each })
      await Promise.all(workers.map((worker) => once(worker, 'message')))
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

/**
 * @param {'maxima' | 'products'} output
 * @param {number} dim
 */
async function makeSession(output, dim) {
  const blocks = (TILE * TILE) / BLOCK
  const shape = output === 'maxima' ? [blocks] : [TILE, TILE]
  const reduce = [
    { opType: 'Reshape', inputs: ['products', 'blocks'], outputs: ['blocked'] },
    { opType: 'ReduceMax', inputs: ['blocked'], outputs: ['maxima'], attributes: { axes: [1], keepdims: 0 } },
  ]
  const model = buildModel({
    name: 'code-products',
    inputs: [
      { name: 'a', elementType: 'uint8', shape: [TILE, dim] },
      { name: 'b', elementType: 'int8', shape: [dim, TILE] },
    ],
    outputs: [{ name: output, elementType: 'int32', shape }],
    nodes: [
      { opType: 'MatMulInteger', inputs: ['a', 'b', 'zero'], outputs: ['products'] },
      ...(output === 'maxima' ? reduce : []),
    ],
    initializers: [
      { name: 'zero', elementType: 'uint8', shape: [], data: Uint8Array.of(128) },
      ...(output === 'maxima'
        ? [
            {
              name: 'blocks',
              elementType: /** @type {const} */ ('int64'),
              shape: [2],
              data: BigInt64Array.of(BigInt(blocks), BigInt(BLOCK)),
            },
          ]
        : []),
    ],
  })
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  const feeds = {
    a: new Tensor(
      'uint8',
      new Uint8Array(TILE * dim).map((_, i) => (i * 37) % 255),
      [TILE, dim],
    ),
    b: new Tensor(
      'int8',
      new Int8Array(TILE * dim).map((_, i) => ((i * 53) % 255) - 127),
      [dim, TILE],
    ),
  }
  const size = shape.reduce((a, b) => a * b)
  const fetches = { [output]: new Tensor('int32', new Int32Array(size), shape) }
  return () => session.run(feeds, fetches)
}

if (!isMainThread) {
  const runs = {
    maxima: await makeSession('maxima', workerData),
    products: await makeSession('products', workerData),
  }
  parentPort?.on(
    'message',
    async (/** @type {{ output: 'maxima' | 'products', count: number }} */ { output, count }) => {
      for (let i = 0; i < count; i++) await runs[output]()
      parentPort?.postMessage('done')
    },
  )
  parentPort?.postMessage('ready')
}
