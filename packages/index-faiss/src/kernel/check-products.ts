import type { Coding } from '../gallery/coded-gallery.js'
import { BLOCK_COLUMNS } from './product-kernel.js'
import { productLoss } from './product-loss.js'
import type { ResidentTiles } from './resident-tiles.js'

/** Rows that are compared; a large run repeats them. */
const ROWS = 4

/**
 * Compares products of a tile on a device with the same on the host: drivers err. One run is as large as those of the
 * search, so that a device without room for it is found out, too.
 *
 * @param codes tileRows × codeLength int8: of the tile
 * @param inParts runs as many rows at once as the device has room for
 * @throws Error with what differs
 */
export async function checkProducts(
  resident: ResidentTiles,
  tile: number,
  codes: Int8Array,
  coding: Coding,
  inParts: (rows: number, run: (start: number, count: number) => Promise<void>) => Promise<unknown>,
): Promise<void> {
  const { codeLength, range } = coding
  const columns = codes.length / codeLength
  const blocks = columns / BLOCK_COLUMNS
  const rows = Array.from({ length: ROWS }, (_, row) => {
    // Half of them make products as large as they can be with a row of the tile.
    const like = codes.subarray(Math.floor((row * columns) / ROWS) * codeLength)
    return Int8Array.from({ length: codeLength }, (_none, i) =>
      row % 2 === 0
        ? range.max * Math.sign(like[i]!)
        : ((row * 53 + i * 37) % (2 * range.max + 1)) - range.max,
    )
  })
  const expected = rows.map((row) => hostProducts(row, codes))
  const compare = (what: string, row: number, got: number, wanted: number) => {
    if (!(Math.abs(got - wanted) <= productLoss(coding, expected[row]!.lengths)))
      throw new Error(`it computes ${got} for a ${what} that is ${wanted}`)
  }

  await inParts(columns, async (_start, count) => {
    const maxima = await resident.rowMaxima(tile, repeated(rows, count, range.zero))
    maxima.forEach((got, i) => {
      const row = i % ROWS
      compare('largest product', row, got, largestOf(expected[row]!.products))
    })
  })
  const queries = repeated(rows, ROWS, range.zero)
  const blockMaxima = await resident.blockMaxima(tile, queries)
  blockMaxima.forEach((got, i) => {
    const row = Math.floor(i / blocks)
    const start = (i % blocks) * BLOCK_COLUMNS
    const ofBlock = expected[row]!.products.subarray(start, start + BLOCK_COLUMNS)
    compare('largest product of a block', row, got, largestOf(ofBlock))
  })
  const picks = Array.from({ length: ROWS * blocks }, (_, pick) => pick)
  const picked = await resident.picked(tile, queries, picks)
  picked.forEach((got, i) => {
    const row = Math.floor(i / columns)
    compare('product', row, got, expected[row]!.products[i % columns]!)
  })
}

/** The rows as queries, over and over. */
function repeated(rows: readonly Int8Array[], count: number, zero: number): Uint8Array {
  const unsigned = rows.map((row) => Uint8Array.from(row, (code) => code + zero))
  const codeLength = rows[0]!.length
  const queries = new Uint8Array(count * codeLength)
  for (let i = 0; i < count; i++) queries.set(unsigned[i % rows.length]!, i * codeLength)
  return queries
}

function largestOf(products: Int32Array): number {
  return products.reduce((a, b) => Math.max(a, b))
}

/** Of a row with each row of a tile; and the L2 norm of the row times the largest of the tile. */
function hostProducts(row: Int8Array, codes: Int8Array): { products: Int32Array; lengths: number } {
  const codeLength = row.length
  const products = new Int32Array(codes.length / codeLength)
  let largestSquares = 0
  for (let column = 0; column < products.length; column++) {
    let sum = 0
    let squares = 0
    for (let i = 0; i < codeLength; i++) {
      const code = codes[column * codeLength + i]!
      sum += row[i]! * code
      squares += code * code
    }
    products[column] = sum
    largestSquares = Math.max(largestSquares, squares)
  }
  return { products, lengths: Math.hypot(...row) * Math.sqrt(largestSquares) }
}
