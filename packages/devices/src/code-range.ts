import { buildModel } from '@facekit/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** Which integers codes may be, so that products of them are exact. */
export interface CodeRange {
  /** Codes are -max … max. */
  max: number
  /** What is added to codes where ONNX Runtime wants unsigned numbers. */
  zero: number
}

/** What a processor with dot products of 8-bit numbers takes (VNNI, AMX, NEON), and what float32 products take. */
export const FULL_RANGE: CodeRange = { max: 127, zero: 128 }

/**
 * The widest first: the finer the codes, the tighter the bounds, and the speed is the same, since it is one kernel.
 *
 * Where there is no VNNI, kernels add neighbouring products in 16 bits, saturating: (128 + 79) · 79 · 2 = 32,706 fits, and
 * with the last range the sum of four. (Both sides unsigned are exact throughout, but a quarter slower than ±79.)
 */
export const CODE_RANGES: readonly CodeRange[] = [FULL_RANGE, { max: 79, zero: 128 }, { max: 63, zero: 64 }]

let found: Promise<CodeRange | undefined> | undefined

/**
 * Tried out once.
 *
 * @returns the widest range whose products this processor computes exactly, if there is one
 */
export async function exactCodeRange(): Promise<CodeRange | undefined> {
  found ??= findExactCodeRange()
  return found
}

async function findExactCodeRange(): Promise<CodeRange | undefined> {
  for (const range of CODE_RANGES) if (await multipliesExactly(range)) return range
  return undefined
}

// No multiples of what kernels take at once, so that their ways of handling what is left over are tried, too. One row
// has a kernel of its own.
const INNER = 263
const COLUMNS = 75
const ROW_COUNTS = [1, 70]

/** Signs of neighbours: all alike, and changing after every pair, so that any two or four of them overflow somewhere. */
const PATTERNS = [() => 1, () => -1, (i: number) => (Math.floor(i / 2) % 2 === 0 ? 1 : -1)]

/** Whether products of codes come out exactly where they are largest, of either sign, in every pair of neighbours. */
export async function multipliesExactly({ max, zero }: CodeRange): Promise<boolean> {
  const session = await InferenceSession.create(productModel(zero), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  const code = (line: number, i: number) => max * PATTERNS[line % PATTERNS.length]!(i)
  const columns = new Int8Array(INNER * COLUMNS).map((_, at) => code(at % COLUMNS, Math.floor(at / COLUMNS)))
  const expected = PATTERNS.map((_row, row) =>
    PATTERNS.map((_column, column) => {
      let sum = 0
      for (let i = 0; i < INNER; i++) sum += code(row, i) * code(column, i)
      return sum
    }),
  )
  try {
    for (const rows of ROW_COUNTS) {
      for (const firstRow of PATTERNS.keys()) {
        const queries = new Uint8Array(rows * INNER).map(
          (_, at) => code(firstRow + Math.floor(at / INNER), at % INNER) + zero,
        )
        const { products } = await session.run({
          queries: new Tensor('uint8', queries, [rows, INNER]),
          columns: new Tensor('int8', columns, [INNER, COLUMNS]),
        })
        const isExact = (products!.data as Int32Array).every((product, at) => {
          const row = firstRow + Math.floor(at / COLUMNS)
          return product === expected[row % PATTERNS.length]![(at % COLUMNS) % PATTERNS.length]
        })
        if (!isExact) return false
      }
    }
    return true
  } finally {
    await session.release()
  }
}

function productModel(zero: number): Uint8Array {
  return buildModel({
    name: 'code-products',
    inputs: [
      { name: 'queries', elementType: 'uint8', shape: ['rows', INNER] },
      { name: 'columns', elementType: 'int8', shape: [INNER, COLUMNS] },
    ],
    outputs: [{ name: 'products', elementType: 'int32', shape: ['rows', COLUMNS] }],
    nodes: [{ opType: 'MatMulInteger', inputs: ['queries', 'columns', 'zero'], outputs: ['products'] }],
    initializers: [{ name: 'zero', elementType: 'uint8', shape: [], data: Uint8Array.of(zero) }],
  })
}
