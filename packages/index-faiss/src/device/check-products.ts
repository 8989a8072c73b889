import { MAX_CODE } from '../quantize.js'
import { BLOCK_COLUMNS, ZERO_CODE } from '../screen.js'
import type { ResidentTiles } from './resident-tiles.js'

const ROWS = 32

/**
 * Compares products on a device with the same on the host: drivers err.
 *
 * @param codes tileRows × dim int8: of the tile
 * @param error how far products may be off
 * @throws Error with what differs
 */
export async function checkProducts(
  resident: ResidentTiles,
  tile: number,
  codes: Int8Array,
  dim: number,
  error: number,
): Promise<void> {
  const blocks = codes.length / dim / BLOCK_COLUMNS
  // Half of the rows make products as large as they can be with a row of the tile.
  const queries = Int8Array.from({ length: ROWS * dim }, (_, i) => {
    const row = Math.floor(i / dim)
    const code = codes[i]!
    return row % 2 === 0 ? MAX_CODE * Math.sign(code) : ((i * 37) % (2 * MAX_CODE + 1)) - MAX_CODE
  })
  const unsigned = Uint8Array.from(queries, (code) => code + ZERO_CODE)
  const picks = Array.from({ length: ROWS }, (_, row) => row * blocks)
  const products = await resident.picked(tile, unsigned, picks)
  const blockMaxima = await resident.blockMaxima(tile, unsigned)
  const rowMaxima = await resident.rowMaxima(tile, unsigned, dim)
  const compare = (what: string, got: number, expected: number) => {
    if (!(Math.abs(got - expected) <= error))
      throw new Error(`it computes ${got} for a ${what} that is ${expected}`)
  }
  for (let row = 0; row < ROWS; row++) {
    const ofRow = products.subarray(row * BLOCK_COLUMNS, (row + 1) * BLOCK_COLUMNS)
    ofRow.forEach((product, column) => {
      let expected = 0
      for (let i = 0; i < dim; i++) expected += queries[row * dim + i]! * codes[column * dim + i]!
      compare('product', product, expected)
    })
    compare('largest product', blockMaxima[row * blocks]!, Math.max(...ofRow))
    const ofBlocks = blockMaxima.subarray(row * blocks, (row + 1) * blocks)
    compare('largest product', rowMaxima[row]!, Math.max(...ofBlocks))
  }
}
