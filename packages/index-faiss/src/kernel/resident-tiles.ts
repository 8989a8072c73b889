import type { Device } from '@facekit/core'
import { sessionOptions } from '@facekit/devices'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { transpose, type CodeTiles } from '../gallery/code-tiles.js'
import type { Coding } from '../gallery/coded-gallery.js'
import { deviceModel } from './device-model.js'
import { BLOCK_COLUMNS } from './product-kernel.js'
import { toUnsigned } from './unsigned.js'

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
  coding: Coding
  /** Asked between sessions: whether to leave it. */
  isStopped?: () => boolean
  /** What one session may hold; as the provider likes it if left out. */
  sessionBytes?: number
}

/** Tiles of a gallery in the memory of a device, and products of queries with them. */
export class ResidentTiles {
  readonly #tileRows: number
  readonly #coding: Coding
  readonly #sessions: InferenceSession[] = []
  /** The first and the last tile of each session. */
  readonly samples: number[] = []
  readonly #placeOf = new Map<number, { session: InferenceSession; index: number }>()

  private constructor(tileRows: number, coding: Coding) {
    this.#tileRows = tileRows
    this.#coding = coding
  }

  /** @throws what ONNX Runtime throws where the device cannot hold them */
  static async create(
    device: Device,
    codes: CodeTiles,
    tiles: readonly number[],
    options: ResidentTilesOptions,
  ): Promise<ResidentTiles> {
    const { tileRows, coding, isStopped = () => false } = options
    const { sessionBytes = SESSION_BYTES[device.provider] } = options
    const resident = new ResidentTiles(tileRows, coding)
    const tilesPerSession = Math.max(1, Math.floor(sessionBytes / (tileRows * coding.codeLength)))
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
    const { codeLength, range } = this.#coding
    const size = this.#tileRows * codeLength
    const all = new Int8Array(tiles.length * size)
    const rows = new Int8Array(size)
    const columns = new Int8Array(size)
    tiles.forEach((tile, i) => {
      codes.read(tile, rows)
      transpose(rows, this.#tileRows, codeLength, columns)
      all.set(columns, i * size)
    })
    toUnsigned(new Int32Array(all.buffer), range)
    const session = await InferenceSession.create(
      deviceModel(new Uint8Array(all.buffer), codeLength, this.#tileRows, range.zero),
      { ...sessionOptions(device), intraOpNumThreads: 1, logSeverityLevel: SEVERITY_ERROR },
    )
    this.#sessions.push(session)
    this.samples.push(...new Set([tiles[0]!, tiles.at(-1)!]))
    tiles.forEach((tile, index) => this.#placeOf.set(tile, { session, index }))
  }

  /**
   * The largest product of each row with a tile.
   *
   * @param queries rows × codeLength uint8, row-major: codes plus the range's zero
   * @returns rows × float32
   */
  async rowMaxima(tile: number, queries: Uint8Array): Promise<Float32Array> {
    const maxima = await this.#run('rowMaxima', tile, queries)
    return maxima.subarray(0, queries.length / this.#coding.codeLength)
  }

  /**
   * The largest product of each row with each block of a tile.
   *
   * @param queries as above
   * @returns rows × blocks float32, row-major
   */
  async blockMaxima(tile: number, queries: Uint8Array): Promise<Float32Array> {
    const maxima = await this.#run('blockMaxima', tile, queries)
    const rows = queries.length / this.#coding.codeLength
    return maxima.subarray(0, (rows * this.#tileRows) / BLOCK_COLUMNS)
  }

  /**
   * All products of some rows with some blocks of a tile.
   *
   * @param queries as above
   * @param picks of each: row · blocks + block
   * @returns picks × BLOCK_COLUMNS float32, row-major
   */
  async picked(tile: number, queries: Uint8Array, picks: readonly number[]): Promise<Float32Array> {
    const products = await this.#run('picked', tile, queries, picks)
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
    picks: readonly number[] = [],
  ): Promise<Float32Array> {
    const { session, index } = this.#placeOf.get(tile)!
    const { codeLength, range } = this.#coding
    const rows = queries.length / codeLength
    const paddedRows = paddedCount(rows)
    let padded = queries
    if (rows < paddedRows) {
      padded = new Uint8Array(paddedRows * codeLength).fill(range.zero, queries.length)
      padded.set(queries)
    }
    const paddedPicks = new Int32Array(paddedCount(picks.length))
    paddedPicks.set(picks)
    const results = await session.run(
      {
        queries: new Tensor('uint8', padded, [paddedRows, codeLength]),
        tile: new Tensor('int64', BigInt64Array.of(BigInt(index)), [1]),
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
