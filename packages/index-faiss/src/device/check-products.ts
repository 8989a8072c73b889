import type { PartRunner } from '@facekit/devices'
import { MAX_CODE } from '../gallery/quantize.js'
import { BLOCK_COLUMNS, ZERO_CODE } from '../tiles/screen.js'
import { productLoss } from './product-loss.js'
import type { ResidentTiles } from './resident-tiles.js'

/** Rows that are compared; a large run repeats them. */
const ROWS = 4

/**
 * Compares products of a tile on a device with the same on the host: drivers err. One run is as large as those of the
 * search, so that a device without room for it is found out, too.
 *
 * @param codes tileRows × dim int8: of the tile
 * @param prefix components that rows are screened by
 * @throws Error with what differs
 */
export async function checkProducts(
  resident: ResidentTiles,
  tile: number,
  codes: Int8Array,
  { dim, prefix }: { dim: number; prefix: number },
  parts: PartRunner,
): Promise<void> {
  const columns = codes.length / dim
  const blocks = columns / BLOCK_COLUMNS
  const rows = Array.from({ length: ROWS }, (_, row) => {
    // Half of them make products as large as they can be with a row of the tile.
    const like = codes.subarray(Math.floor((row * columns) / ROWS) * dim)
    return Int8Array.from({ length: dim }, (_none, i) =>
      row % 2 === 0 ? MAX_CODE * Math.sign(like[i]!) : ((row * 53 + i * 37) % (2 * MAX_CODE + 1)) - MAX_CODE,
    )
  })
  const expected = rows.map((row) => hostProducts(row, codes, prefix))
  const compare = (what: string, row: number, got: number, wanted: number) => {
    if (!(Math.abs(got - wanted) <= productLoss(dim, expected[row]!.lengths)))
      throw new Error(`it computes ${got} for a ${what} that is ${wanted}`)
  }

  await parts.run(columns, async (_start, count) => {
    const maxima = await resident.rowMaxima(tile, repeated(rows, count, prefix), prefix)
    maxima.forEach((got, i) => {
      const row = i % ROWS
      compare('largest product', row, got, expected[row]!.largestOfPrefix)
    })
  })
  const queries = repeated(rows, ROWS, dim)
  const blockMaxima = await resident.blockMaxima(tile, queries)
  blockMaxima.forEach((got, i) => {
    const row = Math.floor(i / blocks)
    const start = (i % blocks) * BLOCK_COLUMNS
    const ofBlock = expected[row]!.ofAll.subarray(start, start + BLOCK_COLUMNS)
    compare('largest product of a block', row, got, Math.max(...ofBlock))
  })
  const picks = Array.from({ length: ROWS * blocks }, (_, pick) => pick)
  const picked = await resident.picked(tile, queries, picks)
  picked.forEach((got, i) => {
    const row = Math.floor(i / columns)
    compare('product', row, got, expected[row]!.ofAll[i % columns]!)
  })
}

/** The first components of the rows, as queries, over and over. */
function repeated(rows: readonly Int8Array[], count: number, components: number): Uint8Array {
  const unsigned = rows.map((row) => Uint8Array.from(row.subarray(0, components), (code) => code + ZERO_CODE))
  const queries = new Uint8Array(count * components)
  for (let i = 0; i < count; i++) queries.set(unsigned[i % rows.length]!, i * components)
  return queries
}

interface HostProducts {
  /** With each row of the tile, of all components. */
  ofAll: Int32Array
  /** The largest of the first components. */
  largestOfPrefix: number
  /** L2 norm of the row times the largest of the tile. */
  lengths: number
}

function hostProducts(row: Int8Array, codes: Int8Array, prefix: number): HostProducts {
  const dim = row.length
  const columns = codes.length / dim
  const ofAll = new Int32Array(columns)
  let largestOfPrefix = -Infinity
  let largestSquares = 0
  for (let column = 0; column < columns; column++) {
    let sum = 0
    let squares = 0
    for (let i = 0; i < dim; i++) {
      const code = codes[column * dim + i]!
      sum += row[i]! * code
      squares += code * code
      if (i === prefix - 1) largestOfPrefix = Math.max(largestOfPrefix, sum)
    }
    ofAll[column] = sum
    largestSquares = Math.max(largestSquares, squares)
  }
  return { ofAll, largestOfPrefix, lengths: Math.hypot(...row) * Math.sqrt(largestSquares) }
}
