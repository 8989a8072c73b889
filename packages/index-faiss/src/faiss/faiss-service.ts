import type { EdgeBatch, ServiceContext } from '@facekit/core'
import { EdgeSelector } from '../edges/edge-selector.js'
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
  readonly #selector: EdgeSelector
  readonly #embeddings: FloatRows
  readonly #candidates: readonly Candidates[]
  #rowsDone = 0

  private constructor(setup: FaissSetup, context: ServiceContext<never>, engine: FaissEngine) {
    const { gallery, listLength } = setup
    this.#setup = setup
    this.#context = context
    this.#engine = engine
    this.#error = similarityError(gallery.dim)
    this.#selector = new EdgeSelector(listLength, new Float32Array(gallery.rows).fill(-Infinity))
    this.#embeddings = new FloatRows(gallery)
    this.#candidates = Array.from({ length: engine.chunkRows }, () => new Candidates(listLength, this.#error))
  }

  static async create(setup: FaissSetup, context: ServiceContext<never>): Promise<FaissService> {
    return new FaissService(setup, context, await FaissEngine.create(setup.gallery, setup.listLength))
  }

  /** The edges that the next rows complete. */
  next(): { edges: EdgeBatch; rowsDone: number } {
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
      const neighbors = Array.from(list.rows, (other) => ({
        row: other,
        similarity: this.#embeddings.similarity(row, other),
      }))
      this.#selector.addRow(
        row,
        neighbors.filter((neighbor) => neighbor.similarity >= threshold),
      )
    }
    this.#rowsDone = end
    const edges = this.#selector.take()
    this.#context.transfer(edges.source.buffer, edges.target.buffer, edges.similarity.buffer)
    return { edges, rowsDone: end }
  }

  close(): void {
    this.#embeddings.close()
  }
}
