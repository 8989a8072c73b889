import type { EdgeBatch, ServiceContext } from '@facekit/core'
import { exactCodeRange, FULL_RANGE } from '@facekit/devices'
import { createFloatProduct, type FloatProduct } from '../float-product.js'
import { CodeTiles } from '../gallery/code-tiles.js'
import type { CodedGallery, Coding } from '../gallery/coded-gallery.js'
import type { GalleryData } from '../gallery/gallery.js'
import { codeRows } from '../gallery/row-coder.js'
import { CpuKernel } from '../kernel/cpu-kernel.js'
import { DeviceKernel, type DeviceKernelOptions } from '../kernel/device-kernel.js'
import { CPU_TRAITS, DEVICE_TRAITS } from '../plan/choose-components.js'
import { planCodes, type CodingWish } from '../plan/plan-codes.js'
import type { Unit } from '../plan/tile-plan.js'
import type { DenseSearchOptions } from '../unit/dense-search.js'
import { UnitSearch } from '../unit/unit-search.js'

export interface PlanRequest {
  gallery: GalleryData
  /** float32 */
  threshold: number
  /** Whether GPUs compute the products. */
  onDevices: boolean
  wish: CodingWish
}

export interface OpenRequest {
  options: DenseSearchOptions
  /** Undefined to compute float32 products of everything. */
  coded: CodedGallery | undefined
  /** Undefined for the CPU. */
  device: Omit<DeviceKernelOptions, 'tileRows' | 'gallery'> | undefined
}

/**
 * What a thread of the search does: plans how rows are coded, codes some of them, searches units. ONNX Runtime blocks the
 * thread that calls it.
 */
export class SearchService {
  readonly #context: ServiceContext<string>
  readonly #product: FloatProduct
  #units: UnitSearch | undefined

  private constructor(context: ServiceContext<string>, product: FloatProduct) {
    this.#context = context
    this.#product = product
  }

  static async create(_setup: undefined, context: ServiceContext<string>): Promise<SearchService> {
    return new SearchService(context, await createFloatProduct())
  }

  /** @returns why codes are of no use, if so */
  async plan({ gallery, threshold, onDevices, wish }: PlanRequest): Promise<Coding | string> {
    const range = wish.range ?? (onDevices ? FULL_RANGE : await exactCodeRange())
    if (!range) return 'this CPU multiplies no 8-bit numbers exactly'
    const traits = { ...(onDevices ? DEVICE_TRAITS : CPU_TRAITS), range }
    return planCodes(gallery, threshold, traits, this.#product, wish)
  }

  async code(gallery: CodedGallery, range: readonly [start: number, end: number]): Promise<void> {
    await codeRows(gallery, range, this.#product, this.#context.isStopped)
  }

  /** To be called before the first unit. */
  async open({ options, coded, device }: OpenRequest): Promise<void> {
    const { isStopped, notify } = this.#context
    let screen
    if (coded) {
      const { tileRows } = options
      const codes = new CodeTiles(coded, tileRows)
      try {
        const kernel = device
          ? await DeviceKernel.create(codes, { ...device, tileRows, gallery: coded }, isStopped, notify)
          : await CpuKernel.create(codes, tileRows, coded.coding)
        screen = { gallery: coded, codes, kernel }
      } catch (error) {
        codes.close()
        throw error
      }
    }
    this.#units = new UnitSearch(options, screen, this.#product, isStopped)
  }

  async search(unit: Unit): Promise<EdgeBatch> {
    const pairs = await this.#units!.search(unit)
    this.#context.transfer(pairs.source.buffer, pairs.target.buffer, pairs.similarity.buffer)
    return pairs
  }

  async close(): Promise<void> {
    await this.#units?.close()
    await this.#product.release()
  }
}
