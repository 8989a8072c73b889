import { FacekitError } from '@facekit/core'

/** What is wrong with edges. */
export type EdgeErrorCode =
  /** No edges in a folder, or not all of them. */
  | 'EDGES_FOLDER'
  /** The manifest of edges is none, or of a later version. */
  | 'EDGES_MANIFEST'
  /** A file of edges is not what the manifest says. */
  | 'EDGES_CHANGED'
  /** Edges of other embeddings, or not as many as are needed. */
  | 'EDGES_OTHER'
  /** Edges to be written that are no edges, or not in their order. */
  | 'EDGES_ORDER'

/** Edges that cannot be used. */
export class EdgeError extends FacekitError {
  constructor(code: EdgeErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
