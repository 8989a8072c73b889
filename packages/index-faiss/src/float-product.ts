import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** Inner products of float32 rows with others, on one core. */
export interface FloatProduct {
  /**
   * @param a m × inner float32, row-major
   * @param b n × inner float32, row-major
   * @param into m × n float32, row-major, written: a · bᵀ
   */
  run(a: Float32Array, b: Float32Array, inner: number, into: Float32Array): Promise<void>
  release(): Promise<void>
}

export async function createFloatProduct(): Promise<FloatProduct> {
  const session = await InferenceSession.create(MODEL, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  return {
    async run(a, b, inner, into) {
      const [m, n] = [a.length / inner, b.length / inner]
      const feeds = { a: new Tensor('float32', a, [m, inner]), b: new Tensor('float32', b, [n, inner]) }
      await session.run(feeds, { products: new Tensor('float32', into, [m, n]) })
    },
    release: () => session.release(),
  }
}

const MODEL = buildModel({
  name: 'inner-products',
  inputs: [
    { name: 'a', elementType: 'float32', shape: ['m', 'inner'] },
    { name: 'b', elementType: 'float32', shape: ['n', 'inner'] },
  ],
  outputs: [{ name: 'products', elementType: 'float32', shape: ['m', 'n'] }],
  nodes: [{ opType: 'Gemm', inputs: ['a', 'b'], outputs: ['products'], attributes: { transB: 1 } }],
  initializers: [],
})
