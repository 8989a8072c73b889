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

/** A gallery or a search that failed. */
export class SearchError extends FacekitError {
  constructor(code: SearchErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** @param cause what a thread that searches reported */
export function searchStopped(cause: unknown): SearchError {
  return new SearchError('SEARCH', `The search stopped: ${messageOf(cause)}`, { cause })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
