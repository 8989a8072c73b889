import type { Device } from '@facekit/core'
import type { PartRunner } from '@facekit/devices'
import { tailNorms, type CodeTiles } from '../gallery/code-tiles.js'
import type { GalleryData } from '../gallery/gallery.js'
import { BlockBounds } from '../tiles/block-bounds.js'
import { BLOCK_COLUMNS } from '../tiles/screen.js'
import { checkProducts } from './check-products.js'
import { ResidentTiles } from './resident-tiles.js'

/** A gallery tile that a device holds. */
export interface HeldTile {
  resident: ResidentTiles
  /** Of the whole tile, and of its blocks. */
  tileBounds: BlockBounds
  blockBounds: BlockBounds
}

export interface HeldTilesOptions {
  gallery: GalleryData
  device: Device
  tileRows: number
  /** Gallery tiles of each shard. */
  shards: readonly (readonly number[])[]
}

/** The gallery tiles of a device, with their bounds. */
export class HeldTiles {
  readonly #residents: ResidentTiles[] = []
  readonly #tiles = new Map<number, HeldTile>()

  /**
   * @param prefix components that rows are screened by
   * @param isStopped asked now and then: whether to leave it
   * @throws Error where the device has no room or computes wrongly; it holds nothing then
   */
  static async create(
    { gallery, device, tileRows, shards }: HeldTilesOptions,
    codes: CodeTiles,
    prefix: number,
    parts: PartRunner,
    isStopped: () => boolean,
  ): Promise<HeldTiles> {
    const { dim } = gallery
    const held = new HeldTiles()
    const tileCodes = new Int8Array(tileRows * dim)
    try {
      for (const tiles of shards) {
        const resident = await ResidentTiles.create(device, codes, tiles, { tileRows, dim, isStopped })
        held.#residents.push(resident)
        for (const tile of resident.samples) {
          codes.read(tile, tileCodes)
          await checkProducts(resident, tile, tileCodes, { dim, prefix }, parts)
        }
        for (const tile of tiles) {
          codes.read(tile, tileCodes)
          const tails = new Float64Array(tileRows)
          tailNorms(gallery, tile * tileRows, tileCodes, prefix, tails)
          const tileBounds = new BlockBounds(1, tileRows)
          const blockBounds = new BlockBounds(tileRows / BLOCK_COLUMNS, BLOCK_COLUMNS)
          for (const bounds of [tileBounds, blockBounds]) bounds.load(gallery, tile * tileRows, tails)
          held.#tiles.set(tile, { resident, tileBounds, blockBounds })
        }
      }
      return held
    } catch (error) {
      await held.release()
      throw error
    }
  }

  get(tile: number): HeldTile {
    return this.#tiles.get(tile)!
  }

  async release(): Promise<void> {
    for (const resident of this.#residents) await resident.release()
  }
}
