import type { CodeRange } from '@facekit/devices'
import { buildModel, GraphBuilder } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { transpose, type CodeTiles } from '../gallery/code-tiles.js'
import type { Coding } from '../gallery/coded-gallery.js'
import { BLOCK_COLUMNS, type ProductKernel } from './product-kernel.js'

/** Integer products on one core. */
export class CpuKernel implements ProductKernel {
  readonly spans = [BLOCK_COLUMNS]
  readonly slack = 0
  readonly denseShare: number
  readonly #codes: CodeTiles
  readonly #tileRows: number
  readonly #codeLength: number
  readonly #ofBlocks: InferenceSession
  readonly #ofAll: InferenceSession
  /** tileRows × codeLength int8, and the same with rows and columns changed. */
  readonly #tile: Int8Array
  readonly #columns: Int8Array
  readonly #columnTensor: Tensor
  readonly #maxima: Int32Array
  readonly #products: Int32Array

  private constructor(
    codes: CodeTiles,
    tileRows: number,
    codeLength: number,
    ofBlocks: InferenceSession,
    ofAll: InferenceSession,
  ) {
    // Two blocks of each row: a float32 product costs about as much as looking at them. Small tiles have no more.
    this.denseShare = Math.min(1 / 2, (2 * BLOCK_COLUMNS) / tileRows)
    this.#codes = codes
    this.#tileRows = tileRows
    this.#codeLength = codeLength
    this.#ofBlocks = ofBlocks
    this.#ofAll = ofAll
    this.#tile = new Int8Array(tileRows * codeLength)
    this.#columns = new Int8Array(codeLength * tileRows)
    this.#columnTensor = new Tensor('int8', this.#columns, [codeLength, tileRows])
    this.#maxima = new Int32Array((tileRows * tileRows) / BLOCK_COLUMNS)
    this.#products = new Int32Array(tileRows * tileRows)
  }

  static async create(codes: CodeTiles, tileRows: number, { codeLength, range }: Coding): Promise<CpuKernel> {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 }
    const [ofBlocks, ofAll] = await Promise.all(
      [true, false].map(async (reduced) =>
        InferenceSession.create(codeProductModel(tileRows, range, reduced), options),
      ),
    )
    return new CpuKernel(codes, tileRows, codeLength, ofBlocks!, ofAll!)
  }

  use(tile: number): void {
    this.#codes.read(tile, this.#tile)
    transpose(this.#tile, this.#tileRows, this.#codeLength, this.#columns)
  }

  async maxima(queries: Uint8Array): Promise<Int32Array> {
    const rows = queries.length / this.#codeLength
    const used = this.#maxima.subarray(0, (rows * this.#tileRows) / BLOCK_COLUMNS)
    await this.#ofBlocks.run(this.#feeds(queries, rows), {
      maxima: new Tensor('int32', used, [used.length]),
    })
    return used
  }

  async products(
    queries: Uint8Array,
    picks: readonly number[],
    see: (pick: number, products: ArrayLike<number>) => void,
  ): Promise<void> {
    const rows = queries.length / this.#codeLength
    const used = this.#products.subarray(0, rows * this.#tileRows)
    await this.#ofAll.run(this.#feeds(queries, rows), {
      products: new Tensor('int32', used, [rows, this.#tileRows]),
    })
    // Rows follow one another, so do their blocks.
    for (const pick of picks) see(pick, used.subarray(pick * BLOCK_COLUMNS, (pick + 1) * BLOCK_COLUMNS))
  }

  async release(): Promise<void> {
    await this.#ofBlocks.release()
    await this.#ofAll.release()
  }

  #feeds(queries: Uint8Array, rows: number): Record<string, Tensor> {
    return {
      queries: new Tensor('uint8', queries, [rows, this.#codeLength]),
      columns: this.#columnTensor,
    }
  }
}

/** @param reduced whether to give the largest product of each block, or all products */
function codeProductModel(tileRows: number, { zero }: CodeRange, reduced: boolean): Uint8Array {
  const graph = new GraphBuilder()
  const zeroPoint = graph.constant('uint8', [], Uint8Array.of(zero))
  graph.node('MatMulInteger', ['queries', 'columns', zeroPoint], {}, 'products')
  if (reduced) {
    const blocked = graph.node('Reshape', ['products', graph.integers(-1, BLOCK_COLUMNS)])
    graph.node('ReduceMax', [blocked], { axes: [1], keepdims: 0 }, 'maxima')
  }
  return buildModel({
    name: 'code-products',
    inputs: [
      { name: 'queries', elementType: 'uint8', shape: ['rows', 'codeLength'] },
      { name: 'columns', elementType: 'int8', shape: ['codeLength', tileRows] },
    ],
    outputs: reduced
      ? [{ name: 'maxima', elementType: 'int32', shape: ['blocks'] }]
      : [{ name: 'products', elementType: 'int32', shape: ['rows', tileRows] }],
    nodes: graph.nodes,
    initializers: graph.initializers,
  })
}
