/** Edges per block: 8 MiB, so that growing never copies what is there. */
const BLOCK_EDGES = 2 ** 20

/** Keeps pairs of rows, 8 bytes each. */
export class EdgeStore {
  readonly #blocks: Uint32Array[] = []
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

  forEach(visit: (source: number, target: number) => void): void {
    this.#blocks.forEach((block, i) => {
      const edges = i === this.#blocks.length - 1 ? this.#used : BLOCK_EDGES
      for (let edge = 0; edge < edges; edge++) visit(block[2 * edge]!, block[2 * edge + 1]!)
    })
  }
}
