import { ScratchFile } from '@facekit/core'

const BLOCK_EDGES = 2 ** 20

/** So that growing never copies what is there: 8 MiB. */
export const BLOCK_BYTES = 8 * BLOCK_EDGES

/** Keeps pairs of rows, 8 bytes each: in memory up to a limit, beyond it in a file. */
export class EdgeStore {
  readonly #maxBlocks: number
  readonly #spillFile: string | undefined
  /** Blocks are filled again when they have gone into the file: none waits to be collected. */
  readonly #blocks: Uint32Array[] = []
  #usedBlocks = 0
  /** Edges in the last of these. */
  #used = BLOCK_EDGES
  #spill: ScratchFile | undefined
  #spilledBlocks = 0

  /**
   * @param memoryBytes what it may take, if there is a file to spill to; two blocks at least
   * @param spillFile path of that file; removed by `close`
   */
  constructor(memoryBytes = Infinity, spillFile?: string) {
    // One is for reading.
    this.#maxBlocks = Math.max(1, Math.floor(memoryBytes / BLOCK_BYTES) - 1)
    this.#spillFile = spillFile
  }

  add(source: number, target: number): void {
    if (this.#used === BLOCK_EDGES) this.#nextBlock()
    const block = this.#blocks[this.#usedBlocks - 1]!
    block[2 * this.#used] = source
    block[2 * this.#used + 1] = target
    this.#used++
  }

  /** The edges, some at a time: source and target in turn, good until the next. */
  *blocks(): Generator<Uint32Array> {
    if (this.#spill !== undefined) {
      const block = new Uint32Array(2 * BLOCK_EDGES)
      for (let i = 0; i < this.#spilledBlocks; i++) {
        this.#spill.read(i * BLOCK_BYTES, block)
        yield block
      }
    }
    for (let i = 0; i < this.#usedBlocks; i++) {
      const block = this.#blocks[i]!
      yield i === this.#usedBlocks - 1 ? block.subarray(0, 2 * this.#used) : block
    }
  }

  close(): void {
    this.#spill?.remove()
    this.#spill = undefined
  }

  /** All blocks in use are full when this is called. */
  #nextBlock(): void {
    if (this.#usedBlocks >= this.#maxBlocks && this.#spillFile !== undefined) this.#spillBlocks()
    if (this.#usedBlocks === this.#blocks.length) this.#blocks.push(new Uint32Array(2 * BLOCK_EDGES))
    this.#usedBlocks++
    this.#used = 0
  }

  #spillBlocks(): void {
    this.#spill ??= new ScratchFile(this.#spillFile!)
    for (let i = 0; i < this.#usedBlocks; i++) this.#spill.append(this.#blocks[i]!)
    this.#spilledBlocks += this.#usedBlocks
    this.#usedBlocks = 0
  }
}
