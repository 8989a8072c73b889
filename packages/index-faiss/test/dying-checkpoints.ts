import type { Checkpoints } from '@facekit/core'

class Died extends Error {}

/** Records at every chance, and dies at the one of this number. */
export class DyingCheckpoints implements Checkpoints {
  recorded: unknown
  readonly resumed: unknown
  readonly isDue = true
  readonly #lifetime: number
  #records = 0

  constructor(resumed: unknown, lifetime: number) {
    this.resumed = resumed
    this.recorded = resumed
    this.#lifetime = lifetime
  }

  get hasRecord(): boolean {
    return this.recorded !== undefined
  }

  async record(settle: () => Promise<object>): Promise<void> {
    const progress = JSON.stringify(await settle())
    if (++this.#records > this.#lifetime) throw new Died()
    this.recorded = JSON.parse(progress)
  }
}
