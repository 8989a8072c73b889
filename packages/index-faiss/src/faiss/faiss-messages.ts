import type { EdgeBatch } from '@facekit/core'
import type { GalleryData } from '../gallery/gallery.js'

/** What the main thread and the one that FAISS searches in say to one another. */

export interface FaissSetup {
  gallery: GalleryData
  threshold: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
}

/** `next` asks for the edges of the next rows. */
export type FaissRequest = 'next' | 'close'

export type FaissReply =
  { kind: 'edges'; edges: EdgeBatch; rowsDone: number } | { kind: 'failure'; error: unknown }
