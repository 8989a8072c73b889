/** So that growing never copies what is there: 8 MiB. */
const BLOCK_EDGES = 2 ** 20

/** Keeps pairs of rows, 8 bytes each. */
export class EdgeStore {
  readonly #blocks: Uint32Array[] = []
  /** Edges in the last of these. */
  #used = BLOCK_EDGES

  add(source: number, target: number): void {
    if (this.#used === BLOCK_EDGES) {
      this.#blocks.push(new Uint32Array(2 * BLOCK_EDGES))
      this.#used = 0
    }
    const block = this.#blocks.at(-1)!
    block[2 * this.#used] = source
    block[2 * this.#used + 1] = target
    this.#used++
  }

  /** The edges, some at a time: source and target in turn. */
  *blocks(): Generator<Uint32Array> {
    for (const [i, block] of this.#blocks.entries())
      yield i === this.#blocks.length - 1 ? block.subarray(0, 2 * this.#used) : block
  }

  clear(): void {
    this.#blocks.length = 0
    this.#used = BLOCK_EDGES
  }
}
