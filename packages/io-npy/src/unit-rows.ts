import type { EmbeddingReader } from '@facekit/core'
import type { FileSet, Shard } from './file-set.js'
import { openNpy, type NpyFile } from './npy-file.js'

/** Files that stay open: whoever reads on and on reads few at a time. */
const OPEN_FILES = 4

/** The embeddings of a file set by position, whatever their dtype and order, as rows of length 1. To be closed. */
export class UnitRows implements EmbeddingReader {
  readonly rows: number
  readonly dim: number
  readonly #shards: readonly { shard: Shard; first: number }[]
  /** By their paths, the one that was used last at the end. */
  readonly #open = new Map<string, NpyFile>()

  constructor({ shards, rows, dim }: FileSet) {
    this.rows = rows
    this.dim = dim
    let first = 0
    this.#shards = shards.map((shard) => {
      const at = { shard, first }
      first += shard.rows
      return at
    })
  }

  /** One call at a time. @throws NpyError */
  async readUnits(start: number, end: number, into: Float32Array): Promise<void> {
    const { dim } = this
    for (const { shard, first } of this.#shards) {
      const from = Math.max(start, first)
      const to = Math.min(end, first + shard.rows)
      if (from >= to) continue
      const file = await this.#opened(shard.embs)
      // A one-dimensional file is one row.
      const values = await (file.shape.length === 1
        ? file.readFloat32()
        : file.readFloat32(from - first, to - first))
      into.set(values, (from - start) * dim)
    }
    for (let row = 0; row < end - start; row++) toUnit(into.subarray(row * dim, (row + 1) * dim))
  }

  /** Closes the files. May be called again. */
  async close(): Promise<void> {
    for (const file of this.#open.values()) await file.close()
    this.#open.clear()
  }

  async #opened(path: string): Promise<NpyFile> {
    const file = this.#open.get(path) ?? (await openNpy(path))
    this.#open.delete(path)
    this.#open.set(path, file)
    if (this.#open.size > OPEN_FILES) {
      const [[oldest, unused]] = [...this.#open] as [[string, NpyFile]]
      this.#open.delete(oldest)
      await unused.close()
    }
    return file
  }
}

/** What has no direction becomes 0. */
function toUnit(row: Float32Array): void {
  let squares = 0
  for (const value of row) squares += value * value
  const length = Math.sqrt(squares)
  if (length > 0 && Number.isFinite(length)) for (let i = 0; i < row.length; i++) row[i]! /= length
  else row.fill(0)
}
