import type {
  BatchesOf,
  EdgeBatch,
  EmbeddingReader,
  EmbeddingRun,
  FailedImage,
  LabelRun,
} from '@facekit/core'
import type { EdgeSet } from '@facekit/edges'

/** What a report is made from. What is not there is undefined, and its sections say so. */
export interface ReportSources {
  /** Where the labels are, as it is shown. */
  folder: string
  labels: LabelledRows
  run: LabelRun | undefined
  /** What is recorded of the embeddings, in the words it was recorded in: the model, flags, and so on. */
  recorded: ReadonlyMap<string, string>
  /** The runs that made the embeddings; none where that is not recorded. */
  extracts: readonly EmbeddingRun[]
  embeddings: EmbeddingReader | undefined
  edges: EdgeSet | undefined
  strangers: Strangers | undefined
  sweep: readonly SweptThreshold[] | undefined
  /** Finds bridges of classes in edges that join rows. */
  findBridges: (classOf: Int32Array, edges: AsyncIterable<EdgeBatch>) => Promise<FoundBridges>
  /** Images that have no embedding; undefined where nobody noted them. */
  failures: BatchesOf<FailedImage> | undefined
  /** @returns a small WebP @throws Error that says why there is none */
  thumbnail: (path: string, side: number) => Promise<Uint8Array>
}

/** The images of labels; rows are positions among the embeddings. */
export interface LabelledRows {
  rows: number
  /** All rows, ascending, some at a time. */
  batches(): AsyncIterable<{
    firstRow: number
    /** n × uint32: positions in the original input. */
    indices: Uint32Array
    /** n × int32: the number in the name of the class, or `NO_CLASS`. */
    classOf: Int32Array
    /** n × float64: the index of the image that stays in its place, or -1. */
    duplicateOf: Float64Array
  }>
  /**
   * Where images are: a path for each of `rows`, in their order.
   *
   * @param rows ascending
   */
  paths(rows: readonly number[]): Promise<string[]>
}

/** Cosines of random pairs of embeddings. */
export interface Strangers {
  /** Hardly any two strangers reach it. */
  threshold: number
  median: number
  /** One standard deviation of a normal distribution. */
  spread: number
  pairs: number
  /** 200 × uint32: pairs in each step of 0.01, from -1 up. */
  histogram: Uint32Array
  /** Why these may not be strangers. */
  doubt: string | undefined
}

/** What one threshold would give. */
export interface SweptThreshold {
  threshold: number
  classes: number
  singletons: number
  largest: number
  /** Whether the largest class swallowed others here. */
  leaps: boolean
  /** Classes that stood by themselves and ran together here. */
  chained: number
}

/** Classes that one edge holds together, and those of them that are shown. */
export interface FoundBridges {
  classes: number
  bridges: readonly {
    class: number
    source: number
    target: number
    similarity: number
    ofClass: number
    halves: readonly [Uint32Array, Uint32Array]
  }[]
}
