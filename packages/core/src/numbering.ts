/** Of the slots of the table, so many are taken at most: more make it slow. */
const FULLEST = 0.5
const FEWEST_SLOTS = 1024

/**
 * Integers numbered from 0 on in the order in which they first come, in constant time each: a hash table in typed
 * arrays, since a Map holds no more than 2 ** 24 and takes several times the memory.
 */
export class Numbering {
  #count = 0
  #values: Float64Array
  /** The number of a value and 1; 0 where there is none. */
  #slots: Uint32Array

  /** @param expected values, for which nothing has to grow; there may be more */
  constructor(expected = 0) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(FEWEST_SLOTS, expected / FULLEST)))
    this.#slots = new Uint32Array(slots)
    this.#values = new Float64Array(slots * FULLEST)
  }

  /** The values, by their number. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.#count)
  }

  /**
   * @returns the number of the value, a new one where it was not there
   * @throws RangeError if it is no integer that a float64 holds exactly
   */
  add(value: number): number {
    if (!Number.isSafeInteger(value)) throw new RangeError(`Expected an integer but received ${value}`)
    const slot = this.#slotOf(value)
    const found = this.#slots[slot]!
    if (found > 0) return found - 1
    if (this.#count === this.#values.length) {
      this.#grow()
      return this.add(value)
    }
    this.#values[this.#count++] = value
    this.#slots[slot] = this.#count
    return this.#count - 1
  }

  /** @returns the number of the value, -1 where it is not there */
  find(value: number): number {
    return this.#slots[this.#slotOf(value)]! - 1
  }

  /** The slot that has the value, or the empty one where it belongs. */
  #slotOf(value: number): number {
    const slots = this.#slots
    const last = slots.length - 1
    let slot = hash(value) & last
    for (;;) {
      const found = slots[slot]!
      if (found === 0 || this.#values[found - 1] === value) return slot
      slot = (slot + 1) & last
    }
  }

  #grow(): void {
    const values = new Float64Array(2 * this.#values.length)
    values.set(this.#values)
    this.#values = values
    this.#slots = new Uint32Array(values.length / FULLEST)
    for (let number = 0; number < this.#count; number++)
      this.#slots[this.#slotOf(values[number]!)] = number + 1
  }
}

/** Of values in a row so many stay side by side: they are mostly asked for in a row, too. */
const RUN_BITS = 4

/** The finalizer of MurmurHash3, over both halves of what is above a run. */
function hash(value: number): number {
  const run = Math.floor(value / 2 ** RUN_BITS)
  let bits = run ^ Math.imul(Math.floor(run / 2 ** 32), 0x9e3779b1)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return ((bits ^ (bits >>> 16)) << RUN_BITS) | (value & (2 ** RUN_BITS - 1))
}
