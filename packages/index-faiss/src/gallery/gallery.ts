import { join } from 'node:path'
import { checkRows, ScratchFile, type RowFile } from '@facekit/core'
import { SearchError } from '../errors.js'
import { RowSurvey } from './row-survey.js'

/** Where a gallery keeps its rows. */
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
  | {
      kind: 'memory'
      values: Float32Array
      /** rows × float64: L2 norm of the embedding; 0 where it is unusable. */
      lengths: Float64Array
    }
  | { kind: 'files'; files: readonly RowFile[] }

/** The plain data of a gallery, as it crosses to threads without being copied. */
export interface GalleryData {
  rows: number
  dim: number
  floats: FloatStore
  /** rows × uint8: 1 where the embedding holds a NaN or an infinity. */
  unusable: Uint8Array
  /** What its codes may take in memory; where they go if they take more. */
  codeBytes: number
  codeFolder: string | undefined
}

/** The embeddings that are searched. They may have any length: only directions count. */
export class Gallery {
  readonly rows: number
  readonly dim: number
  readonly #data: GalleryData
  readonly #floatFile: ScratchFile | undefined
  readonly #survey: RowSurvey
  #added = 0

  /** @throws SearchError `GALLERY_MEMORY`; FacekitError `ROWS` */
  constructor(rows: number, dim: number, options: GalleryOptions = {}) {
    const { rowFiles, memoryBytes = Infinity, scratchFolder } = options
    this.rows = checkRows(rows)
    this.dim = dim
    // Codes, at most a byte a number, are read once per group of query tiles; embeddings only for the few pairs that pass
    // the screen.
    this.#survey = new RowSurvey(this.rows)
    const codesFit = rows * dim <= memoryBytes
    const floatBytes = rows * (4 * dim + Float64Array.BYTES_PER_ELEMENT)
    const floatsFit = !rowFiles && rows * dim + floatBytes <= memoryBytes
    if (scratchFolder === undefined && !(codesFit && (rowFiles || floatsFit)))
      throw memoryError(rows, dim, memoryBytes)
    this.#floatFile = rowFiles || floatsFit ? undefined : new ScratchFile(join(scratchFolder!, 'embeddings'))
    try {
      this.#data = {
        rows,
        dim,
        floats: this.#floatFile
          ? { kind: 'files', files: [{ path: this.#floatFile.path, offset: 0, rows }] }
          : rowFiles
            ? { kind: 'files', files: rowFiles }
            : {
                kind: 'memory',
                values: new Float32Array(new SharedArrayBuffer(4 * rows * dim)),
                lengths: new Float64Array(new SharedArrayBuffer(8 * rows)),
              },
        unusable: this.#survey.unusable,
        codeBytes: memoryBytes - (floatsFit ? floatBytes : 0),
        codeFolder: scratchFolder,
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
    for (let row = 0; row < added; row++) this.#measure(this.#added + row, embeddings, row * dim)
    const { floats } = this.#data
    if (floats.kind === 'memory') floats.values.set(embeddings, this.#added * dim)
    this.#floatFile?.append(embeddings)
    this.#added += added
  }

  #measure(row: number, embeddings: Float32Array, start: number): void {
    const length = this.#survey.add(embeddings, start, this.dim)
    const { floats } = this.#data
    if (floats.kind === 'memory') floats.lengths[row] = Number.isFinite(length) ? length : 0
  }

  /** Rows that are similar to none. */
  get survey(): RowSurvey {
    return this.#survey
  }

  /**
   * Closes the gallery to new rows.
   *
   * @throws SearchError `GALLERY_SHAPE` if there are not as many as were announced
   */
  finish(): GalleryData {
    if (this.#added !== this.rows) throw shapeError(this, `${this.#added}`)
    this.#floatFile?.close()
    return this.#data
  }
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
