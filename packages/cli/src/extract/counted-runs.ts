import type { EmbeddingRun } from '@facekit/core'

/** The runs that made a set, by the indices of its images, as more of these get embeddings. */
export class CountedRuns {
  readonly #runs: EmbeddingRun[]

  constructor(runs: readonly EmbeddingRun[]) {
    this.#runs = [...runs]
  }

  get runs(): readonly EmbeddingRun[] {
    return this.#runs
  }

  /** The run whose input an image was in; undefined for an index beyond all. */
  of(index: number): EmbeddingRun | undefined {
    return this.#runs[this.#at(index)]
  }

  /** An image that had failed has an embedding now. */
  embed(index: number): void {
    const at = this.#at(index)
    const run = this.#runs[at]
    if (run) this.#runs[at] = { ...run, embedded: run.embedded + 1, failed: run.failed - 1 }
  }

  #at(index: number): number {
    let end = 0
    return this.#runs.findIndex(({ images }) => index < (end += images))
  }
}
