/** Columns whose largest product tells whether to look at each. Finer costs more to look through, coarser more to look at. */
export const BLOCK_COLUMNS = 64

/** Products of codes of query rows with those of tiles of the gallery: what differs between processors and devices. */
export interface ProductKernel {
  /**
   * Of how many columns it gives the largest product, one step after the other: a device first gives that of a whole
   * tile, since what comes back to the host costs more than computing it. The last step is `BLOCK_COLUMNS`.
   */
  readonly spans: readonly number[]
  /** How far a product may be off, as a cosine. */
  readonly slack: number
  /** Share of the blocks of a tile from which on float32 products of all of it cost less than looking at them. */
  readonly denseShare: number
  /** Chooses the tile that queries are multiplied with. */
  use(tile: number): void
  /**
   * The largest product of each row with each span of the tile's columns.
   *
   * @param queries rows × codeLength uint8, row-major: codes plus the range's zero; no more rows than a tile has
   * @returns rows × tileRows / span, row-major; overwritten by the next call
   */
  maxima(queries: Uint8Array, span: number): Promise<ArrayLike<number>>
  /**
   * All products of some rows with some blocks of the tile.
   *
   * @param queries as above
   * @param picks of each: row · blocks + block
   * @param see is given the products of each pick, in their order; they are overwritten afterwards
   */
  products(
    queries: Uint8Array,
    picks: readonly number[],
    see: (pick: number, products: ArrayLike<number>) => void,
  ): Promise<void>
  /**
   * Checks the largest products of rows of the tile itself, where a kernel may err.
   *
   * @throws Error with what is wrong
   */
  checkOwn?(queries: Uint8Array, maxima: ArrayLike<number>): void
  release(): Promise<void>
}
