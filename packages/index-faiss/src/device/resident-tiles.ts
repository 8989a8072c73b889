import type { Device } from '@facekit/core'
import { sessionOptions } from '@facekit/devices'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { transpose, type CodeTiles } from '../code-tiles.js'
import { BLOCK_COLUMNS, toUnsigned, ZERO_CODE } from '../screen.js'
import { productModel } from './product-model.js'

/**
 * What one session holds. WebGPU binds 128 MiB at once wherever it runs; CUDA has no such limit, but the host needs
 * several times as much while the session is made.
 */
const SESSION_BYTES = { webgpu: 2 ** 27, cuda: 2 ** 29, cpu: 2 ** 29 }

/** Fewer rows or picks are padded: each number of them may cost a device another program. */
const MIN_PADDED = 16

const SEVERITY_ERROR = 3

/** Tiles of a gallery in the memory of a device, and products of queries with them. */
export class ResidentTiles {
  readonly #tileRows: number
  readonly #dim: number
  readonly #sessions: InferenceSession[] = []
  readonly #placeOf = new Map<number, { session: InferenceSession; index: number }>()

  private constructor(tileRows: number, dim: number) {
    this.#tileRows = tileRows
    this.#dim = dim
  }

  /** @throws what ONNX Runtime throws where the device cannot hold them */
  static async create(
    device: Device,
    codes: CodeTiles,
    tiles: readonly number[],
    { tileRows, dim }: { tileRows: number; dim: number },
  ): Promise<ResidentTiles> {
    const resident = new ResidentTiles(tileRows, dim)
    const tilesPerSession = Math.max(1, Math.floor(SESSION_BYTES[device.provider] / (tileRows * dim)))
    try {
      for (let at = 0; at < tiles.length; at += tilesPerSession)
        await resident.#add(device, codes, tiles.slice(at, at + tilesPerSession))
    } catch (error) {
      await resident.release()
      throw error
    }
    return resident
  }

  async #add(device: Device, codes: CodeTiles, tiles: readonly number[]): Promise<void> {
    const size = this.#tileRows * this.#dim
    const all = new Int8Array(tiles.length * size)
    const rows = new Int8Array(size)
    const columns = new Int8Array(size)
    tiles.forEach((tile, i) => {
      codes.read(tile, rows)
      transpose(rows, this.#tileRows, this.#dim, columns)
      all.set(columns, i * size)
    })
    toUnsigned(new Int32Array(all.buffer))
    const session = await InferenceSession.create(
      productModel(new Uint8Array(all.buffer), this.#dim, this.#tileRows),
      { ...sessionOptions(device), logSeverityLevel: SEVERITY_ERROR },
    )
    this.#sessions.push(session)
    tiles.forEach((tile, index) => this.#placeOf.set(tile, { session, index }))
  }

  /**
   * The largest product of each row with a tile.
   *
   * @param queries rows × components uint8, row-major: codes plus `ZERO_CODE`
   * @param components how many take part in the products, from the first on
   * @returns rows × float32
   */
  async rowMaxima(tile: number, queries: Uint8Array, components: number): Promise<Float32Array> {
    return this.#run('rowMaxima', 1, tile, queries, components)
  }

  /**
   * The largest product of each row with each block of a tile.
   *
   * @param queries rows × dim uint8, row-major: codes plus `ZERO_CODE`
   * @returns rows × blocks float32, row-major
   */
  async blockMaxima(tile: number, queries: Uint8Array): Promise<Float32Array> {
    return this.#run('blockMaxima', this.#tileRows / BLOCK_COLUMNS, tile, queries, this.#dim)
  }

  /**
   * All products of some rows with some blocks of a tile.
   *
   * @param queries rows × dim uint8, row-major: codes plus `ZERO_CODE`
   * @param picks of each: row · blocks + block
   * @returns picks × BLOCK_COLUMNS float32, row-major
   */
  async picked(tile: number, queries: Uint8Array, picks: readonly number[]): Promise<Float32Array> {
    const products = await this.#run('picked', 0, tile, queries, this.#dim, picks)
    return products.subarray(0, picks.length * BLOCK_COLUMNS)
  }

  async release(): Promise<void> {
    for (const session of this.#sessions) await session.release()
  }

  async #run(
    output: 'rowMaxima' | 'blockMaxima' | 'picked',
    perRow: number,
    tile: number,
    queries: Uint8Array,
    components: number,
    picks: readonly number[] = [],
  ): Promise<Float32Array> {
    const { session, index } = this.#placeOf.get(tile)!
    const rows = queries.length / components
    const paddedRows = paddedCount(rows)
    let padded = queries
    if (rows < paddedRows) {
      padded = new Uint8Array(paddedRows * components).fill(ZERO_CODE, queries.length)
      padded.set(queries)
    }
    const paddedPicks = new BigInt64Array(paddedCount(picks.length))
    picks.forEach((pick, i) => (paddedPicks[i] = BigInt(pick)))
    const integers = (...values: number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])
    const results = await session.run(
      {
        queries: new Tensor('uint8', padded, [paddedRows, components]),
        tile: integers(index),
        components: integers(components),
        picks: new Tensor('int64', paddedPicks, [paddedPicks.length]),
      },
      [output],
    )
    const values = results[output]!.data as Float32Array
    return output === 'picked' ? values : values.subarray(0, rows * perRow)
  }
}

function paddedCount(count: number): number {
  return Math.max(MIN_PADDED, 2 ** Math.ceil(Math.log2(count)))
}
