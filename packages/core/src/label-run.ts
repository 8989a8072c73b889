import type { EmbeddingModel } from './embedding-run.js'

/** What made labels: `run.json` beside them. */
export interface LabelRun {
  /** Version of facekit. */
  facekit: string
  /** The words of the command line after the program's name. */
  command: string[]
  /** Working directory: what relative paths, also those of the images, are meant from. */
  folder: string
  /** When it began, ISO 8601. */
  startedAt: string
  /** Until the labels were written. */
  seconds: number
  /** Folder of the embeddings, absolute; null where they came through a pipe. */
  input: string | null
  /** Folder of the edges, absolute; null where they were not kept. */
  edges: string | null
  /** `EmbeddingsFingerprint` of the embeddings. */
  embeddings: string
  /** What made the embeddings; null where that is not recorded. */
  model: EmbeddingModel | null
  method: string
  /** Cosine at or above which two images are (or may be) the same person. */
  clusterThresh: number
  /** Cosine at or above which two images are duplicates; null where all were kept. */
  duplicateThresh: number | null
  /** Embeddings read. */
  images: number
  /** Of these, with NaN or infinite values: in no class. */
  unusable: number
  classes: number
  /** Whether classes have the names of earlier labels; else they are numbered by size. */
  keptNames: boolean
  /** No number from this on was given to a class, here or in the labels whose names were kept. */
  nextName: number
  /** Images in a class. */
  labelled: number
  duplicates: number
}
