/** Paths of images and where they stood in the input. */
export interface PathBatch {
  /** n × uint32, position in the original input. */
  indices: Uint32Array
  /** n paths, in the order of `indices`. */
  paths: string[]
}

/** An image that could not be decoded or embedded: a row of a report, never an exception. */
export interface FailedImage {
  /** Position in the original input. */
  index: number
  path: string
  reason: string
}

/** Decoded images of one size. Images that failed are not among the n rows. */
export interface ImageBatch extends PathBatch {
  /** n × height × width × 3 uint8, RGB, row-major. */
  pixels: Uint8Array
  width: number
  height: number
  /** The images of this batch that could not be decoded, ascending by index. */
  failed: FailedImage[]
}

/** Embeddings of images: n rows, in the order of their indices. */
export interface EmbeddingBatch extends PathBatch {
  /** n × dim float32, row-major; L2-normalised if `normalized`. */
  embeddings: Float32Array
  dim: number
  normalized: boolean
  /** Images of this batch that have no row, ascending by index; left out where nobody knows of any. */
  failed?: readonly FailedImage[]
}

/** Where rows of embeddings stand in a file, one after the other. */
export interface RowFile {
  path: string
  /** Of the first row, in bytes. The numbers are little-endian float32, row-major. */
  offset: number
  rows: number
}

/** Embeddings that can be read again, some at a time, as rows of length 1. */
export interface EmbeddingReader {
  rows: number
  dim: number
  /**
   * Reads the rows `start` to `end`, the latter excluded.
   *
   * @param into (end - start) × dim float32, row-major: each row L2-normalised, or 0 throughout where it is unusable or
   * has no length
   */
  readUnits(start: number, end: number, into: Float32Array): void | Promise<void>
}

/** Pairs of rows that are similar enough. Rows are positions in the gallery; every pair comes once. */
export interface EdgeBatch {
  /** e × uint32, the smaller row of each pair. */
  source: Uint32Array
  /** e × uint32, the larger row of each pair. */
  target: Uint32Array
  /** e × float32, inner product of the unit rows. */
  similarity: Float32Array
}

/** Rows of a clustering, at most: int32 numbers them. */
export const MAX_ROWS = 2 ** 31 - 1

/** In `Clustering.classOf`: the row is in no class (a duplicate, or a row without a usable embedding). */
export const NO_CLASS = -1
/** In `Clustering.duplicateOf`: the row is not a duplicate. */
export const NOT_A_DUPLICATE = -1

/** Identities of rows, and which rows are duplicates. */
export interface Clustering {
  /** rows × int32: the class of each row, or `NO_CLASS`. */
  classOf: Int32Array
  /** rows × int32: the row that stays in its place, or `NOT_A_DUPLICATE`. */
  duplicateOf: Int32Array
  /** classes × uint32: rows per class, largest first; ties by smallest row. */
  sizes: Uint32Array
}
