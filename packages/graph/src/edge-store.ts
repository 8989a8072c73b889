import { ScratchFile } from '@facekit/core'

/** Edges per block: 8 MiB, so that growing never copies what is there. */
const BLOCK_EDGES = 2 ** 20

const EDGE_BYTES = 8

/** Keeps pairs of rows, 8 bytes each: in memory up to a limit, beyond it in a file. */
export class EdgeStore {
  readonly #maxBlocks: number
  readonly #spillFile: string | undefined
  readonly #blocks: Uint32Array[] = []
  #used = BLOCK_EDGES
  #spill: ScratchFile | undefined
  #spilledBlocks = 0

  /**
   * @param memoryBytes what it may take, if there is a file to spill to
   * @param spillFile path of that file; removed by `close`
   */
  constructor(memoryBytes = Infinity, spillFile?: string) {
    this.#maxBlocks = Math.max(1, Math.floor(memoryBytes / (BLOCK_EDGES * EDGE_BYTES)))
    this.#spillFile = spillFile
  }

  add(source: number, target: number): void {
    if (this.#used === BLOCK_EDGES) {
      if (this.#blocks.length >= this.#maxBlocks && this.#spillFile !== undefined) this.#spillBlocks()
      this.#blocks.push(new Uint32Array(2 * BLOCK_EDGES))
      this.#used = 0
    }
    const block = this.#blocks.at(-1)!
    block[2 * this.#used] = source
    block[2 * this.#used + 1] = target
    this.#used++
  }

  forEach(visit: (source: number, target: number) => void): void {
    const visitBlock = (block: Uint32Array, edges: number) => {
      for (let edge = 0; edge < edges; edge++) visit(block[2 * edge]!, block[2 * edge + 1]!)
    }
    if (this.#spill !== undefined) {
      const block = new Uint32Array(2 * BLOCK_EDGES)
      for (let i = 0; i < this.#spilledBlocks; i++) {
        this.#spill.read(i * block.byteLength, block)
        visitBlock(block, BLOCK_EDGES)
      }
    }
    this.#blocks.forEach((block, i) =>
      visitBlock(block, i === this.#blocks.length - 1 ? this.#used : BLOCK_EDGES),
    )
  }

  close(): void {
    this.#spill?.remove()
    this.#spill = undefined
  }

  /** All blocks are full when this is called. */
  #spillBlocks(): void {
    this.#spill ??= new ScratchFile(this.#spillFile!)
    for (const block of this.#blocks) this.#spill.append(block)
    this.#spilledBlocks += this.#blocks.length
    this.#blocks.length = 0
  }
}
