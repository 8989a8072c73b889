import type { Device } from '@facekit/core'
import { PartRunner, PROVIDER_NAMES } from '@facekit/devices'
import { messageOf } from '../errors.js'
import type { CodeTiles } from '../gallery/code-tiles.js'
import type { CodedGallery } from '../gallery/coded-gallery.js'
import { checkProducts } from './check-products.js'
import { BLOCK_COLUMNS, type ProductKernel } from './product-kernel.js'
import { productLoss, productSlack } from './product-loss.js'
import { ResidentTiles } from './resident-tiles.js'

/** Where more blocks have to be looked at on the host, it had better compute all of them. */
const DENSE_SHARE = 1 / 2

export interface DeviceKernelOptions {
  device: Device
  /** Gallery tiles of each shard. */
  shards: readonly (readonly number[])[]
  tileRows: number
  gallery: CodedGallery
}

/** Gallery tiles stay in the memory of a device, query tiles stream through. */
export class DeviceKernel implements ProductKernel {
  readonly spans: readonly number[]
  readonly slack: number
  readonly denseShare = DENSE_SHARE
  readonly #options: DeviceKernelOptions
  /** Runs what the memory of the device has room for. */
  readonly #parts: PartRunner
  readonly #residentOf = new Map<number, ResidentTiles>()
  #tile = -1

  private constructor(options: DeviceKernelOptions, onWarning: (text: string) => void) {
    this.#options = options
    this.spans = [options.tileRows, BLOCK_COLUMNS]
    const { coding, allowances } = options.gallery
    this.slack = productSlack(
      coding,
      allowances.reduce((a, b) => Math.max(a, b), 0),
    )
    this.#parts = new PartRunner(options.tileRows, true, (limit) =>
      onWarning(`${nameOf(options.device)} is short of memory: ${limit} rows at a time`),
    )
  }

  /**
   * @param isStopped asked now and then: whether to leave it
   * @param onWarning told in one line when the memory of the device is short
   * @throws Error where the device has no room for its tiles, or computes wrongly
   */
  static async create(
    codes: CodeTiles,
    options: DeviceKernelOptions,
    isStopped: () => boolean,
    onWarning: (text: string) => void,
  ): Promise<DeviceKernel> {
    const kernel = new DeviceKernel(options, onWarning)
    try {
      for (const tiles of options.shards) await kernel.#addShard(codes, tiles, isStopped)
      return kernel
    } catch (cause) {
      await kernel.release()
      throw new Error(`${nameOf(options.device)} cannot search its share: ${gist(cause)}`, { cause })
    }
  }

  async #addShard(codes: CodeTiles, tiles: readonly number[], isStopped: () => boolean): Promise<void> {
    const { device, tileRows, gallery } = this.#options
    const { coding } = gallery
    const resident = await ResidentTiles.create(device, codes, tiles, { tileRows, coding, isStopped })
    for (const tile of tiles) this.#residentOf.set(tile, resident)
    const tileCodes = new Int8Array(tileRows * coding.codeLength)
    for (const tile of resident.samples) {
      codes.read(tile, tileCodes)
      await checkProducts(resident, tile, tileCodes, coding, (rows, run) => this.#parts.run(rows, run))
    }
  }

  use(tile: number): void {
    this.#tile = tile
  }

  async maxima(queries: Uint8Array, span: number): Promise<Float32Array> {
    const { tileRows, gallery } = this.#options
    const { codeLength } = gallery.coding
    const rows = queries.length / codeLength
    const perRow = tileRows / span
    const all = new Float32Array(rows * perRow)
    const resident = this.#residentOf.get(this.#tile)!
    await this.#named(() =>
      this.#parts.run(rows, async (start, count) => {
        const part = queries.subarray(start * codeLength, (start + count) * codeLength)
        const maxima =
          span === tileRows
            ? await resident.rowMaxima(this.#tile, part)
            : await resident.blockMaxima(this.#tile, part)
        all.set(maxima, start * perRow)
      }),
    )
    return all
  }

  async products(
    queries: Uint8Array,
    picks: readonly number[],
    see: (pick: number, products: ArrayLike<number>) => void,
  ): Promise<void> {
    const resident = this.#residentOf.get(this.#tile)!
    await this.#named(() =>
      this.#parts.run(picks.length, async (start, count) => {
        const part = picks.slice(start, start + count)
        const products = await resident.picked(this.#tile, queries, part)
        part.forEach((pick, i) => see(pick, products.subarray(i * BLOCK_COLUMNS, (i + 1) * BLOCK_COLUMNS)))
      }),
    )
  }

  /** The largest product of a row is not below its product with itself: a device that lost some is found. */
  checkOwn(queries: Uint8Array, maxima: ArrayLike<number>): void {
    const { gallery, device } = this.#options
    const { coding } = gallery
    const { codeLength, heads, range } = coding
    for (let row = 0; row < queries.length / codeLength; row++) {
      let own = 0
      for (let at = row * codeLength; at < row * codeLength + heads; at++)
        own += (queries[at]! - range.zero) ** 2
      if (!(maxima[row]! >= own - productLoss(coding, own)))
        throw new Error(
          `${nameOf(device)} failed: it computes ${maxima[row]} for a largest product that is ${own} at least`,
        )
    }
  }

  async release(): Promise<void> {
    for (const resident of new Set(this.#residentOf.values())) await resident.release()
  }

  async #named<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (cause) {
      throw new Error(`${nameOf(this.#options.device)} failed: ${gist(cause)}`, { cause })
    }
  }
}

function nameOf({ provider, index }: Device): string {
  return `${PROVIDER_NAMES[provider]} device ${index}`
}

function gist(error: unknown): string {
  return messageOf(error).split('\n')[0]!
}
