import { FacekitError } from '@facekit/core'

export type SearchErrorCode =
  /** More or other embeddings than the gallery was made for. */
  | 'GALLERY_SHAPE'
  /** The gallery does not fit into memory. */
  | 'GALLERY_MEMORY'
  /** The engine asked for cannot be used. */
  | 'ENGINE'
  /** Devices cannot hold or multiply the gallery. */
  | 'DEVICE'
  /** The search stopped before its end. */
  | 'SEARCH'

export class SearchError extends FacekitError {
  constructor(code: SearchErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
