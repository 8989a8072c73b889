import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** Inner products of two tiles of float32 rows. */
export interface FloatProduct {
  /** tileRows × dim float32 each, row-major, to be filled. */
  readonly queries: Float32Array
  readonly gallery: Float32Array
  /** tileRows × tileRows float32, row-major: filled by `run`. */
  readonly products: Float32Array
  run(): Promise<void>
}

export async function createFloatProduct(tileRows: number, dim: number): Promise<FloatProduct> {
  const session = await InferenceSession.create(productModel(tileRows, dim), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  const queries = new Float32Array(tileRows * dim)
  const gallery = new Float32Array(tileRows * dim)
  const products = new Float32Array(tileRows * tileRows)
  const feeds = {
    queries: new Tensor('float32', queries, [tileRows, dim]),
    gallery: new Tensor('float32', gallery, [tileRows, dim]),
  }
  const fetches = { products: new Tensor('float32', products, [tileRows, tileRows]) }
  return {
    queries,
    gallery,
    products,
    async run() {
      await session.run(feeds, fetches)
    },
  }
}

/** products = queries · galleryᵀ */
function productModel(tileRows: number, dim: number): Uint8Array {
  return buildModel({
    name: 'inner-products',
    inputs: [
      { name: 'queries', elementType: 'float32', shape: [tileRows, dim] },
      { name: 'gallery', elementType: 'float32', shape: [tileRows, dim] },
    ],
    outputs: [{ name: 'products', elementType: 'float32', shape: [tileRows, tileRows] }],
    nodes: [
      { opType: 'Gemm', inputs: ['queries', 'gallery'], outputs: ['products'], attributes: { transB: 1 } },
    ],
    initializers: [],
  })
}
