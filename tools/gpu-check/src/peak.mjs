import { sessionOptions } from '@facekit/devices'
import { buildModel, GraphBuilder } from '@facekit/onnx'
import { seededRandom } from '@facekit/testing'
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** In a row, so that what a run costs beside them is nothing. */
const PRODUCTS = 16
const REPEATS = 5

/**
 * @param {import('@facekit/devices').ChosenDevices['devices'][number]} device
 * @param {{ product: number }} size
 * @returns {Promise<number>} TFLOP/s of float32 matrix products
 */
export async function measurePeak(device, { product: n }) {
  const random = seededRandom(1)
  const graph = new GraphBuilder()
  const spread = 2 / Math.sqrt(n)
  const matrix = graph.constant(
    'float32',
    [n, n],
    Float32Array.from({ length: n * n }, () => (random() - 0.5) * spread),
  )
  // Depends on an input, or it would be computed when the session is made.
  let current = graph.node('Mul', [matrix, 'scale'])
  for (let i = 0; i < PRODUCTS; i++) current = graph.node('MatMul', [current, matrix])
  graph.node('ReduceMax', [current], { axes: [0, 1], keepdims: 0 }, 'largest')
  const model = buildModel({
    name: 'peak',
    inputs: [{ name: 'scale', elementType: 'float32', shape: [1] }],
    outputs: [{ name: 'largest', elementType: 'float32', shape: [] }],
    nodes: graph.nodes,
    initializers: graph.initializers,
  })
  const session = await InferenceSession.create(model, sessionOptions(device))
  let best = Infinity
  for (let i = 0; i <= REPEATS; i++) {
    const start = performance.now()
    await session.run({ scale: new Tensor('float32', Float32Array.of(1), [1]) })
    if (i > 0) best = Math.min(best, performance.now() - start)
  }
  await session.release()
  const peak = (PRODUCTS * 2 * n ** 3) / best / 1e9
  console.log(`- Float32 matrix products of ${n}: ${peak.toPrecision(3)} TFLOP/s on one device`)
  return peak
}
