import { SearchError } from './errors.js'

/** The plain data of a gallery, as it crosses to the search's thread without being copied. */
export interface GalleryData {
  rows: number
  dim: number
  /** rows × dim float32, row-major, unit length; zero rows stay zero, unusable rows are zero. */
  units: Float32Array
  /** rows × float64: the length of each row of `units`, which float32 keeps from being 1 exactly. */
  norms: Float64Array
  /** rows × uint8: 1 where the embedding held a NaN or an infinity. */
  unusable: Uint8Array
}

/** The embeddings that are searched, L2-normalised whatever they were before. */
export class Gallery {
  readonly data: GalleryData

  /** @throws SearchError `GALLERY_MEMORY` */
  constructor(rows: number, dim: number) {
    try {
      this.data = {
        rows,
        dim,
        units: new Float32Array(new SharedArrayBuffer(rows * dim * Float32Array.BYTES_PER_ELEMENT)),
        norms: new Float64Array(new SharedArrayBuffer(rows * Float64Array.BYTES_PER_ELEMENT)),
        unusable: new Uint8Array(new SharedArrayBuffer(rows)),
      }
    } catch (cause) {
      throw new SearchError(
        'GALLERY_MEMORY',
        `Expected memory for ${rows} embeddings of ${dim} float32 (${((rows * dim * 4) / 2 ** 30).toFixed(1)} GiB) but there is not that much. Cluster fewer images at once.`,
        { cause },
      )
    }
  }

  get rows(): number {
    return this.data.rows
  }

  get dim(): number {
    return this.data.dim
  }

  /** The rows that hold a NaN or an infinity: no edge touches them. */
  unusableRows(): Uint32Array {
    const rows: number[] = []
    this.data.unusable.forEach((flag, row) => flag && rows.push(row))
    return Uint32Array.from(rows)
  }

  /** Stores one embedding, L2-normalised. */
  set(row: number, embedding: Float32Array): void {
    const { dim, units, norms, unusable } = this.data
    let squares = 0
    for (const value of embedding) squares += value * value
    if (!Number.isFinite(squares)) {
      unusable[row] = 1
      return
    }
    if (squares === 0) return
    const scale = 1 / Math.sqrt(squares)
    const offset = row * dim
    let unitSquares = 0
    for (let i = 0; i < dim; i++) {
      const value = Math.fround(embedding[i]! * scale)
      units[offset + i] = value
      unitSquares += value * value
    }
    norms[row] = Math.sqrt(unitSquares)
  }
}
