import type { EdgeBatch } from '@facekit/core'
import type { Engine } from './choose-engine.js'
import type { GalleryData } from './gallery.js'

/** What the main thread and the search's worker say to one another. */

export interface SearchSetup {
  gallery: GalleryData
  engine: Engine
  threshold: number
  topK: number
  threads: number
}

/** Asks for the edges of the next rows. */
export type SearchRequest = 'next'

export type SearchReply =
  { kind: 'edges'; edges: EdgeBatch; rowsDone: number } | { kind: 'failure'; error: unknown }
