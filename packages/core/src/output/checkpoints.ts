/** Progress is recorded after so long, at most; a minute of work is what may be lost. */
const MOST_MS = 60_000

/** And no sooner than this, so that it costs little where it is quick. */
const LEAST_MS = 20_000

/** What recording costs, as a share of the run, is kept below the inverse of this where `MOST_MS` lets it. */
const TIMES_ITS_COST = 200

/** Tests record after every step, and die between them. */
const FORCED_MS = process.env['FACEKIT_CHECKPOINT_MS']

/** Where a run that is killed goes on: records its progress now and then, and has what was recorded before it. */
export interface Checkpoints {
  /** Progress of the run to go on with, as it was recorded: whoever takes it up checks it. Undefined at a beginning. */
  readonly resumed: unknown
  /** Whether something is recorded: a run that ends without its results is worth recording once more then. */
  readonly hasRecord: boolean
  /** Whether it is time to record. */
  readonly isDue: boolean
  /**
   * Records how far the run is, in the place of what was recorded before.
   *
   * @param settle brings all that it returns onto the disk; what it returns becomes JSON
   */
  record(settle: () => Promise<object>): Promise<void>
}

/** Records nothing: for results that nobody could go on with. */
export const NO_CHECKPOINTS: Checkpoints = Object.freeze({
  resumed: undefined,
  hasRecord: false,
  isDue: false,
  async record() {},
})

export class RunCheckpoints implements Checkpoints {
  readonly resumed: unknown
  readonly #write: (progress: object, seconds: number) => Promise<void>
  readonly #startMs = performance.now()
  readonly #secondsBefore: number
  #hasRecord: boolean
  #dueMs: number

  /**
   * @param resumed progress of the run to go on with, and the seconds that it took
   * @param write puts progress on the disk; what it speaks of is there
   */
  constructor(
    resumed: { progress: unknown; seconds: number } | undefined,
    write: (progress: object, seconds: number) => Promise<void>,
  ) {
    this.resumed = resumed?.progress
    this.#secondsBefore = resumed?.seconds ?? 0
    this.#write = write
    this.#hasRecord = resumed !== undefined
    this.#dueMs = performance.now() + intervalMs(0)
  }

  get hasRecord(): boolean {
    return this.#hasRecord
  }

  /** Of work on the run so far, that before it was gone on with included. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#startMs) / 1000
  }

  get isDue(): boolean {
    return performance.now() >= this.#dueMs
  }

  async record(settle: () => Promise<object>): Promise<void> {
    const startMs = performance.now()
    await this.#write(await settle(), this.seconds)
    this.#hasRecord = true
    const endMs = performance.now()
    this.#dueMs = endMs + intervalMs(endMs - startMs)
  }
}

function intervalMs(costMs: number): number {
  if (FORCED_MS !== undefined) return Number(FORCED_MS)
  return Math.min(MOST_MS, Math.max(LEAST_MS, TIMES_ITS_COST * costMs))
}
