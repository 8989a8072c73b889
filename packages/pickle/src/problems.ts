import type { PickleErrorCode } from './errors.js'
import { PickleError } from './errors.js'

/** Makes the errors about one input. */
export class Problems {
  readonly #source: string
  readonly #position: () => number

  /**
   * @param source names the input
   * @param position where in it the reader is
   */
  constructor(source: string, position: () => number) {
    this.#source = source
    this.#position = position
  }

  damaged(what: string): PickleError {
    return this.#error('PICKLE_DAMAGED', `is damaged near byte ${this.#position()}: it ${what}`)
  }

  unsupported(what: string): PickleError {
    return this.#error('PICKLE_UNSUPPORTED', `${what} (near byte ${this.#position()})`)
  }

  global(name: string): PickleError {
    return this.#error(
      'PICKLE_GLOBAL',
      `asks for ${JSON.stringify(name)}, which is never run or imported here`,
    )
  }

  /** @param end where the input ends */
  truncated(end: number): PickleError {
    return this.#error(
      'PICKLE_TRUNCATED',
      `ended at byte ${end} in the middle of its pickle: was it cut short?`,
    )
  }

  #error(code: PickleErrorCode, problem: string): PickleError {
    return new PickleError(code, this.#source, problem)
  }
}
