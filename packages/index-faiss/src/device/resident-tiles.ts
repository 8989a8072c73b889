import type { Device } from '@facekit/core'
import { sessionOptions } from '@facekit/devices'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { transpose, type CodeTiles } from '../gallery/code-tiles.js'
import { BLOCK_COLUMNS, toUnsigned, ZERO_CODE } from '../tiles/screen.js'
import { productModel } from './product-model.js'

/**
 * What one session holds. WebGPU binds 128 MiB at once wherever it runs; CUDA has no such limit, but the host needs three
 * times as much while the session is made.
 */
const SESSION_BYTES = { webgpu: 2 ** 27, cuda: 2 ** 28, cpu: 2 ** 28 }

/** Fewer rows or picks are padded: each number of them may cost a device another program. */
const MIN_PADDED = 16

const SEVERITY_ERROR = 3

export interface ResidentTilesOptions {
  tileRows: number
  dim: number
  /** Asked between sessions: whether to leave it. */
  isStopped?: () => boolean
  /** What one session may hold; as the provider likes it if left out. */
  sessionBytes?: number
}

/** Tiles of a gallery in the memory of a device, and products of queries with them. */
export class ResidentTiles {
  readonly #tileRows: number
  readonly #dim: number
  readonly #sessions: InferenceSession[] = []
  /** The first and the last tile of each session. */
  readonly samples: number[] = []
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
    options: ResidentTilesOptions,
  ): Promise<ResidentTiles> {
    const { tileRows, dim, isStopped = () => false } = options
    const { sessionBytes = SESSION_BYTES[device.provider] } = options
    const resident = new ResidentTiles(tileRows, dim)
    const tilesPerSession = Math.max(1, Math.floor(sessionBytes / (tileRows * dim)))
    try {
      for (let at = 0; at < tiles.length; at += tilesPerSession) {
        if (isStopped()) throw new Error('it was stopped')
        await resident.#add(device, codes, tiles.slice(at, at + tilesPerSession))
      }
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
      { ...sessionOptions(device), intraOpNumThreads: 1, logSeverityLevel: SEVERITY_ERROR },
    )
    this.#sessions.push(session)
    this.samples.push(...new Set([tiles[0]!, tiles.at(-1)!]))
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
    const maxima = await this.#run('rowMaxima', tile, queries, components)
    return maxima.subarray(0, queries.length / components)
  }

  /**
   * The largest product of each row with each block of a tile.
   *
   * @param queries rows × dim uint8, row-major: codes plus `ZERO_CODE`
   * @returns rows × blocks float32, row-major
   */
  async blockMaxima(tile: number, queries: Uint8Array): Promise<Float32Array> {
    const maxima = await this.#run('blockMaxima', tile, queries, this.#dim)
    return maxima.subarray(0, ((queries.length / this.#dim) * this.#tileRows) / BLOCK_COLUMNS)
  }

  /**
   * All products of some rows with some blocks of a tile.
   *
   * @param queries rows × dim uint8, row-major: codes plus `ZERO_CODE`
   * @param picks of each: row · blocks + block
   * @returns picks × BLOCK_COLUMNS float32, row-major
   */
  async picked(tile: number, queries: Uint8Array, picks: readonly number[]): Promise<Float32Array> {
    const products = await this.#run('picked', tile, queries, this.#dim, picks)
    return products.subarray(0, picks.length * BLOCK_COLUMNS)
  }

  async release(): Promise<void> {
    for (const session of this.#sessions) await session.release()
  }

  /** @returns the output, that of padding behind it */
  async #run(
    output: 'rowMaxima' | 'blockMaxima' | 'picked',
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
    const paddedPicks = new Int32Array(paddedCount(picks.length))
    paddedPicks.set(picks)
    const integer = (value: number) => new Tensor('int64', BigInt64Array.of(BigInt(value)), [1])
    const results = await session.run(
      {
        queries: new Tensor('uint8', padded, [paddedRows, components]),
        tile: integer(index),
        components: integer(components),
        picks: new Tensor('int32', paddedPicks, [paddedPicks.length]),
      },
      [output],
    )
    return results[output]!.data as Float32Array
  }
}

function paddedCount(count: number): number {
  return Math.max(MIN_PADDED, 2 ** Math.ceil(Math.log2(count)))
}
