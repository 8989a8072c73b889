import { join } from 'node:path'
import { ScratchFile, type RowFile } from '@facekit/core'
import { SearchError } from '../errors.js'
import { MAX_CODE, quantizeRow } from './quantize.js'

export interface GalleryOptions {
  /** Where the embeddings can be read again by position. Left out, the gallery keeps them itself. */
  rowFiles?: readonly RowFile[] | undefined
  /** What the gallery may keep in memory; the rest goes into files in `scratchFolder`. Unbounded if left out. */
  memoryBytes?: number
  /** An existing folder; whoever gave it removes it. */
  scratchFolder?: string
}

/** The embeddings as they came, float32. */
export type FloatStore =
  { kind: 'memory'; values: Float32Array } | { kind: 'files'; files: readonly RowFile[] }

/** rows × dim int8, row-major: see `quantizeRow`. */
export type CodeStore = { kind: 'memory'; codes: Int8Array } | { kind: 'file'; path: string }

/** The plain data of a gallery, as it crosses to threads without being copied. */
export interface GalleryData {
  rows: number
  dim: number
  floats: FloatStore
  codes: CodeStore
  /** rows × float32: what a code of 1 stands for in the row of length 1. */
  scales: Float32Array
  /** rows × float32: how far the coded row is from the row of length 1, rounded up. */
  residuals: Float32Array
  /** rows × float64: L2 norm of the embedding. */
  lengths: Float64Array
  /** rows × uint8: 1 where the embedding holds a NaN or an infinity. */
  unusable: Uint8Array
}

/** The embeddings that are searched. They may have any length: only directions count. */
export class Gallery {
  readonly rows: number
  readonly dim: number
  readonly #data: GalleryData
  readonly #floatFile: ScratchFile | undefined
  readonly #codeFile: ScratchFile | undefined
  #added = 0

  /** @throws SearchError `GALLERY_MEMORY` */
  constructor(rows: number, dim: number, options: GalleryOptions = {}) {
    const { rowFiles, memoryBytes = Infinity, scratchFolder } = options
    this.rows = rows
    this.dim = dim
    const scratch = (name: string) => {
      if (scratchFolder === undefined) throw memoryError(rows, dim, memoryBytes)
      return new ScratchFile(join(scratchFolder, name))
    }
    // Codes are read once per group of query tiles, embeddings only for the few pairs that pass the screen.
    const codesFit = rows * dim <= memoryBytes
    const floatsFit = !rowFiles && rows * dim * (1 + Float32Array.BYTES_PER_ELEMENT) <= memoryBytes
    this.#codeFile = codesFit ? undefined : scratch('codes')
    this.#floatFile = rowFiles || floatsFit ? undefined : scratch('embeddings')
    try {
      this.#data = {
        rows,
        dim,
        floats: this.#floatFile
          ? { kind: 'files', files: [{ path: this.#floatFile.path, offset: 0, rows }] }
          : rowFiles
            ? { kind: 'files', files: rowFiles }
            : { kind: 'memory', values: new Float32Array(shared(4 * rows * dim)) },
        codes: this.#codeFile
          ? { kind: 'file', path: this.#codeFile.path }
          : { kind: 'memory', codes: new Int8Array(shared(rows * dim)) },
        scales: new Float32Array(shared(4 * rows)),
        residuals: new Float32Array(shared(4 * rows)),
        lengths: new Float64Array(shared(8 * rows)),
        unusable: new Uint8Array(shared(rows)),
      }
    } catch (cause) {
      throw memoryError(rows, dim, memoryBytes, cause)
    }
  }

  /** Adds the next rows: n × dim float32, row-major. */
  add(embeddings: Float32Array): void {
    const { dim } = this
    const added = embeddings.length / dim
    if (!Number.isInteger(added) || this.#added + added > this.rows) {
      throw shapeError(this, `${this.#added + Math.ceil(added)} or more`)
    }
    const { floats, codes } = this.#data
    const start = this.#added * dim
    const target =
      codes.kind === 'memory'
        ? codes.codes.subarray(start, start + embeddings.length)
        : new Int8Array(embeddings.length)
    for (let row = 0; row < added; row++) {
      const part = [row * dim, (row + 1) * dim] as const
      this.#addRow(this.#added + row, embeddings.subarray(...part), target.subarray(...part))
    }
    if (floats.kind === 'memory') floats.values.set(embeddings, start)
    this.#floatFile?.append(embeddings)
    this.#codeFile?.append(target)
    this.#added += added
  }

  #addRow(row: number, embedding: Float32Array, codes: Int8Array): void {
    const { scales, residuals, lengths, unusable } = this.#data
    let largest = 0
    let even = 0
    let odd = 0
    let i = 0
    for (; i + 1 < embedding.length; i += 2) {
      const a = embedding[i]!
      const b = embedding[i + 1]!
      even += a * a
      odd += b * b
      largest = Math.max(largest, Math.abs(a), Math.abs(b))
    }
    if (i < embedding.length) {
      even += embedding[i]! ** 2
      largest = Math.max(largest, Math.abs(embedding[i]!))
    }
    const squares = even + odd
    if (!Number.isFinite(squares)) {
      unusable[row] = 1
      return
    }
    if (squares === 0) return
    const length = Math.sqrt(squares)
    const scale = Math.fround(largest / length / MAX_CODE)
    lengths[row] = length
    scales[row] = scale
    residuals[row] = quantizeRow(embedding, length, scale, codes)
  }

  /** The rows that hold a NaN or an infinity: no edge touches them. */
  unusableRows(): Uint32Array {
    const rows: number[] = []
    this.#data.unusable.forEach((flag, row) => flag && rows.push(row))
    return Uint32Array.from(rows)
  }

  /**
   * Closes the gallery to new rows.
   *
   * @throws SearchError `GALLERY_SHAPE` if there are not as many as were announced
   */
  finish(): GalleryData {
    if (this.#added !== this.rows) throw shapeError(this, `${this.#added}`)
    this.#floatFile?.close()
    this.#codeFile?.close()
    return this.#data
  }
}

function shared(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes)
}

function memoryError(rows: number, dim: number, memoryBytes: number, cause?: unknown): SearchError {
  const needed = (rows * dim * 5) / 2 ** 30
  return new SearchError(
    'GALLERY_MEMORY',
    `Expected memory for ${rows} embeddings of ${dim} numbers (${needed.toFixed(1)} GiB) but there ${Number.isFinite(memoryBytes) ? `may be taken ${(memoryBytes / 2 ** 30).toFixed(1)} GiB and no scratch folder is given` : 'is not that much: set a memory limit'}.`,
    { cause },
  )
}

function shapeError(gallery: Gallery, got: string): SearchError {
  return new SearchError(
    'GALLERY_SHAPE',
    `Expected ${gallery.rows} embeddings of dim ${gallery.dim} but got ${got}`,
  )
}
