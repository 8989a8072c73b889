import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { SearchEngine } from './engine.js'
import type { GalleryData } from './gallery.js'

// 512 × 2048 products fill 4 MiB: large enough for the kernel to run at full speed, small enough to be read back from
// the cache.
const QUERY_ROWS = 512
const GALLERY_ROWS = 2048

/** Exact search by float32 products of tiles, run by ONNX Runtime. */
export async function tilesEngine(gallery: GalleryData, threads: number): Promise<SearchEngine> {
  const { rows, dim, units, unusable } = gallery
  const session = await InferenceSession.create(productModel(dim), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })
  // The runtime refuses memory that threads share: tiles are copied into buffers of its own.
  const queries = new Float32Array(QUERY_ROWS * dim)
  const tile = new Float32Array(GALLERY_ROWS * dim)
  const products = new Float32Array(QUERY_ROWS * GALLERY_ROWS)

  return {
    chunkRows: QUERY_ROWS,
    async search(start, end, bound, candidates) {
      queries.set(units.subarray(start * dim, end * dim))
      const queryTensor = new Tensor('float32', queries.subarray(0, (end - start) * dim), [end - start, dim])
      for (let tileStart = 0; tileStart < rows; tileStart += GALLERY_ROWS) {
        const width = Math.min(GALLERY_ROWS, rows - tileStart)
        tile.set(units.subarray(tileStart * dim, (tileStart + width) * dim))
        await session.run(
          { queries: queryTensor, tile: new Tensor('float32', tile.subarray(0, width * dim), [width, dim]) },
          {
            products: new Tensor('float32', products.subarray(0, (end - start) * width), [
              end - start,
              width,
            ]),
          },
        )
        for (let row = start; row < end; row++) {
          const found = candidates[row - start]!
          const offset = (row - start) * width
          for (let column = 0; column < width; column++) {
            const product = products[offset + column]!
            const other = tileStart + column
            if (product >= bound && other !== row && !unusable[other]) found.add(other, product)
          }
        }
      }
    },
  }
}

/** products = queries · tileᵀ */
function productModel(dim: number): Uint8Array {
  return buildModel({
    name: 'inner-products',
    inputs: [
      { name: 'queries', elementType: 'float32', shape: ['queries', dim] },
      { name: 'tile', elementType: 'float32', shape: ['tile', dim] },
    ],
    outputs: [{ name: 'products', elementType: 'float32', shape: ['queries', 'tile'] }],
    nodes: [
      { opType: 'Gemm', inputs: ['queries', 'tile'], outputs: ['products'], attributes: { transB: 1 } },
    ],
    initializers: [],
  })
}
