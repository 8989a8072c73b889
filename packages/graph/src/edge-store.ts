import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { GraphError } from './errors.js'

/** Edges per block: 8 MiB, so that growing never copies what is there. */
const BLOCK_EDGES = 2 ** 20

const EDGE_BYTES = 8

/** Keeps pairs of rows, 8 bytes each: in memory up to a limit, beyond it in a file. */
export class EdgeStore {
  readonly #maxBlocks: number
  readonly #spillFile: string | undefined
  readonly #blocks: Uint32Array[] = []
  #used = BLOCK_EDGES
  #spill: number | undefined
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
        readWhole(this.#spill, new Uint8Array(block.buffer), i * block.byteLength)
        visitBlock(block, BLOCK_EDGES)
      }
    }
    this.#blocks.forEach((block, i) =>
      visitBlock(block, i === this.#blocks.length - 1 ? this.#used : BLOCK_EDGES),
    )
  }

  close(): void {
    if (this.#spill === undefined) return
    closeSync(this.#spill)
    rmSync(this.#spillFile!, { force: true })
    this.#spill = undefined
  }

  /** All blocks are full when this is called. */
  #spillBlocks(): void {
    this.#spill ??= openSync(this.#spillFile!, 'w+')
    for (const block of this.#blocks) {
      const bytes = new Uint8Array(block.buffer)
      for (let at = 0; at < bytes.length;) at += writeSync(this.#spill, bytes, at)
      this.#spilledBlocks++
    }
    this.#blocks.length = 0
  }
}

function readWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length;) {
    const read = readSync(file, bytes, at, bytes.length - at, position + at)
    if (read === 0)
      throw new GraphError('Expected the file of edges to be whole but it was cut off meanwhile')
    at += read
  }
}
