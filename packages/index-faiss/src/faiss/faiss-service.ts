import type { EdgeBatch, ServiceContext } from '@facekit/core'
import { PairBuffer } from '@facekit/edges'
import { FloatRows } from '../gallery/float-rows.js'
import type { GalleryData } from '../gallery/gallery.js'
import { similarityError } from '../similarity.js'
import { Candidates } from './candidates.js'
import { FaissEngine } from './faiss-engine.js'

export interface FaissSetup {
  gallery: GalleryData
  /** float32 */
  threshold: number
  /** Neighbors that a row lists, at most, itself not counted. */
  listLength: number
}

/** Searches row by row with FAISS, and decides what it proposes. It blocks the thread that calls it. */
export class FaissService {
  readonly #setup: FaissSetup
  readonly #context: ServiceContext<never>
  readonly #engine: FaissEngine
  readonly #error: number
  readonly #pairs = new PairBuffer()
  readonly #embeddings: FloatRows
  readonly #candidates: readonly Candidates[]
  #rowsDone = 0

  private constructor(setup: FaissSetup, context: ServiceContext<never>, engine: FaissEngine) {
    const { gallery, listLength } = setup
    this.#setup = setup
    this.#context = context
    this.#engine = engine
    this.#error = similarityError(gallery.dim)
    this.#embeddings = new FloatRows(gallery)
    this.#candidates = Array.from({ length: engine.chunkRows }, () => new Candidates(listLength, this.#error))
  }

  static async create(setup: FaissSetup, context: ServiceContext<never>): Promise<FaissService> {
    return new FaissService(setup, context, await FaissEngine.create(setup.gallery, setup.listLength))
  }

  /** Pairs of the next rows with those that they may list; the other row of a pair may find it, too. */
  next(): { pairs: EdgeBatch; rowsDone: number } {
    const { gallery, threshold } = this.#setup
    const { unusable } = gallery
    const start = this.#rowsDone
    const end = Math.min(gallery.rows, start + this.#engine.chunkRows)
    for (const list of this.#candidates) list.clear()
    this.#engine.search(start, end, threshold - this.#error, this.#candidates)
    for (let row = start; row < end; row++) {
      const list = this.#candidates[row - start]!
      list.prune()
      if (unusable[row]) continue
      for (const other of list.rows) {
        const cosine = this.#embeddings.similarity(row, other)
        if (cosine >= threshold) this.#pairs.add(Math.min(row, other), Math.max(row, other), cosine)
      }
    }
    this.#rowsDone = end
    const pairs = this.#pairs.take()
    this.#context.transfer(pairs.source.buffer, pairs.target.buffer, pairs.similarity.buffer)
    return { pairs, rowsDone: end }
  }

  close(): void {
    this.#embeddings.close()
  }
}
