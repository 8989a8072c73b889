import type { Problems } from './problems.js'
import type { PickleValue } from './values.js'

/** What a JavaScript array can hold without trouble. */
const MAX_SLOTS = 2 ** 26

/** The values that a pickle refers to by number. */
export class Memo {
  readonly #maxSlots: number
  readonly #problems: Problems
  readonly #values: PickleValue[] = []
  /** Slots in use; the array is longer where some were skipped. */
  #count = 0

  constructor(maxSlots: number, problems: Problems) {
    this.#maxSlots = Math.min(MAX_SLOTS, maxSlots)
    this.#problems = problems
  }

  add(value: PickleValue): void {
    this.put(this.#count, value)
  }

  put(slot: number, value: PickleValue): void {
    if (slot >= this.#maxSlots) throw this.#problems.damaged(`has a memo slot ${slot}`)
    if (this.#values[slot] === undefined) this.#count++
    this.#values[slot] = value
  }

  get(slot: number): PickleValue {
    const value = this.#values[slot]
    if (value === undefined) throw this.#problems.damaged(`asks for memo slot ${slot}, which is empty`)
    return value
  }
}
