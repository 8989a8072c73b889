import { buildModel, GraphBuilder } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { MAX_CODE } from '../gallery/quantize.js'

/** Columns of which a screen tells the largest product. Finer costs more to look through, coarser more to follow up. */
export const BLOCK_COLUMNS = 64

/** A code of 0 where ONNX Runtime wants unsigned numbers. */
export const ZERO_CODE = 128

/**
 * Adds `ZERO_CODE` to codes in place, four of them to a word.
 *
 * @param codes int8, as their words
 */
export function toUnsigned(codes: Int32Array): void {
  // Adding 128 to an 8-bit number flips its highest bit.
  const highestBits = 0x01010101 * ZERO_CODE
  for (let i = 0; i < codes.length; i++) codes[i]! ^= highestBits
}

/** Products of tiles of codes, exact. */
export interface Screen {
  /** dim × tileRows int8: codes of a tile of the gallery, to be filled. */
  readonly columns: Int8Array
  /**
   * The largest product of each block of columns.
   *
   * @param queries tileRows × components uint8, row-major: codes plus `ZERO_CODE`
   * @param components how many take part in the products, from the first on
   * @returns tileRows × tileRows / BLOCK_COLUMNS int32, row-major; overwritten by the next call
   */
  maxima(queries: Uint8Array, components: number): Promise<Int32Array>
  /**
   * All products.
   *
   * @param queries rows × dim uint8, row-major: codes plus `ZERO_CODE`; no more than tileRows rows
   * @returns rows × tileRows int32, row-major; overwritten by the next call
   */
  products(queries: Uint8Array): Promise<Int32Array>
}

export async function createScreen(tileRows: number, dim: number): Promise<Screen> {
  const [ofBlocks, ofAll] = await Promise.all(
    [true, false].map(async (reduced) =>
      InferenceSession.create(codeProductModel(tileRows, reduced), {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
      }),
    ),
  )
  const columns = new Int8Array(dim * tileRows)
  const maxima = new Int32Array((tileRows * tileRows) / BLOCK_COLUMNS)
  const products = new Int32Array(tileRows * tileRows)
  const feedsOf = (queries: Uint8Array, components: number) => ({
    queries: new Tensor('uint8', queries, [queries.length / components, components]),
    columns: new Tensor('int8', columns.subarray(0, components * tileRows), [components, tileRows]),
  })
  return {
    columns,
    async maxima(queries, components) {
      await ofBlocks!.run(feedsOf(queries, components), {
        maxima: new Tensor('int32', maxima, [maxima.length]),
      })
      return maxima
    },
    async products(queries) {
      const rows = queries.length / dim
      const used = products.subarray(0, rows * tileRows)
      await ofAll!.run(feedsOf(queries, dim), { products: new Tensor('int32', used, [rows, tileRows]) })
      return used
    },
  }
}

/**
 * Whether this CPU multiplies 8-bit numbers exactly. Without VNNI some kernels add pairs of products in 16 bits, which
 * overflow for the largest.
 */
export async function isExact(screen: Screen, tileRows: number, dim: number): Promise<boolean> {
  const queries = new Uint8Array(tileRows * dim).fill(ZERO_CODE + MAX_CODE)
  const largest = dim * MAX_CODE ** 2
  for (const sign of [1, -1]) {
    screen.columns.fill(sign * MAX_CODE)
    const results = [await screen.maxima(queries, dim), await screen.products(queries)]
    if (!results.every((values) => values.every((value) => value === sign * largest))) return false
  }
  return true
}

/** @param reduced whether to give the largest product of each block, or all products */
function codeProductModel(tileRows: number, reduced: boolean): Uint8Array {
  const blocks = (tileRows * tileRows) / BLOCK_COLUMNS
  const graph = new GraphBuilder()
  const zero = graph.constant('uint8', [], Uint8Array.of(ZERO_CODE))
  graph.node('MatMulInteger', ['queries', 'columns', zero], {}, 'products')
  if (reduced) {
    const blocked = graph.node('Reshape', ['products', graph.integers(blocks, BLOCK_COLUMNS)])
    graph.node('ReduceMax', [blocked], { axes: [1], keepdims: 0 }, 'maxima')
  }
  return buildModel({
    name: 'code-products',
    inputs: [
      { name: 'queries', elementType: 'uint8', shape: [reduced ? tileRows : 'rows', 'components'] },
      { name: 'columns', elementType: 'int8', shape: ['components', tileRows] },
    ],
    outputs: reduced
      ? [{ name: 'maxima', elementType: 'int32', shape: [blocks] }]
      : [{ name: 'products', elementType: 'int32', shape: ['rows', tileRows] }],
    nodes: graph.nodes,
    initializers: graph.initializers,
  })
}
