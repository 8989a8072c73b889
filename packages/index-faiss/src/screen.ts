import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { MAX_CODE } from './quantize.js'

/** Columns of which a screen tells the largest product. Finer costs more to look through, coarser more to follow up. */
export const BLOCK_COLUMNS = 8

/** In `queries`, where ONNX Runtime wants unsigned numbers: a code of 0. */
export const ZERO_CODE = 128

/** The largest of each run of products of two tiles of codes. */
export interface Screen {
  /** dim × tileRows int8: codes, to be filled. */
  readonly columns: Int8Array
  /** tileRows × tileRows / BLOCK_COLUMNS int32, row-major: filled by `run`. */
  readonly maxima: Int32Array
  /** @param queries tileRows × dim uint8, row-major: codes plus `ZERO_CODE` */
  run(queries: Uint8Array): Promise<void>
}

export async function createScreen(tileRows: number, dim: number): Promise<Screen> {
  const blocks = (tileRows * tileRows) / BLOCK_COLUMNS
  const session = await InferenceSession.create(screenModel(tileRows, dim), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  const columns = new Int8Array(dim * tileRows)
  const maxima = new Int32Array(blocks)
  const columnTensor = new Tensor('int8', columns, [dim, tileRows])
  const fetches = { maxima: new Tensor('int32', maxima, [blocks]) }
  return {
    columns,
    maxima,
    async run(queries) {
      const feeds = { queries: new Tensor('uint8', queries, [tileRows, dim]), columns: columnTensor }
      await session.run(feeds, fetches)
    },
  }
}

/**
 * Whether this CPU multiplies 8-bit numbers exactly. Without VNNI some kernels add pairs of products in 16 bits, which
 * overflow for the largest.
 */
export async function isExact(screen: Screen, tileRows: number, dim: number): Promise<boolean> {
  const queries = new Uint8Array(tileRows * dim).fill(ZERO_CODE + MAX_CODE)
  screen.columns.fill(MAX_CODE)
  await screen.run(queries)
  const largest = dim * MAX_CODE ** 2
  if (!screen.maxima.every((value) => value === largest)) return false
  screen.columns.fill(-MAX_CODE)
  await screen.run(queries)
  return screen.maxima.every((value) => value === -largest)
}

function screenModel(tileRows: number, dim: number): Uint8Array {
  const blocks = (tileRows * tileRows) / BLOCK_COLUMNS
  return buildModel({
    name: 'screen',
    inputs: [
      { name: 'queries', elementType: 'uint8', shape: [tileRows, dim] },
      { name: 'columns', elementType: 'int8', shape: [dim, tileRows] },
    ],
    outputs: [{ name: 'maxima', elementType: 'int32', shape: [blocks] }],
    nodes: [
      { opType: 'MatMulInteger', inputs: ['queries', 'columns', 'zero'], outputs: ['products'] },
      { opType: 'Reshape', inputs: ['products', 'blocks'], outputs: ['blocked'] },
      {
        opType: 'ReduceMax',
        inputs: ['blocked'],
        outputs: ['maxima'],
        attributes: { axes: [1], keepdims: 0 },
      },
    ],
    initializers: [
      { name: 'zero', elementType: 'uint8', shape: [], data: Uint8Array.of(ZERO_CODE) },
      {
        name: 'blocks',
        elementType: 'int64',
        shape: [2],
        data: BigInt64Array.of(BigInt(blocks), BigInt(BLOCK_COLUMNS)),
      },
    ],
  })
}
