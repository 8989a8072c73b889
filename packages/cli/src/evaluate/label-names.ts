import { NO_CLASS } from '@facekit/core'
import { TruthError } from './errors.js'

/** Names of classes, numbered from 0 on in the order in which they first come. */
export class LabelNames<Name extends string | number> {
  readonly #numbers = new Map<Name, number>()
  readonly #names: Name[] = []

  numberOf(name: Name): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    // A part of a text keeps all of that text in memory.
    const own = (typeof name === 'string' ? Buffer.from(name, 'utf16le').toString('utf16le') : name) as Name
    this.#numbers.set(own, this.#names.length)
    return this.#names.push(own) - 1
  }

  nameOf(number: number): string {
    return String(this.#names[number])
  }
}

/** Names of classes that are whole numbers from 0 on; -1 is none. */
export class LabelIntegers {
  readonly #names = new LabelNames<number>()

  /** @param placeOf says where the number stands */
  numberOf(label: number, placeOf: () => string): number {
    if (label === -1) return NO_CLASS
    if (label >= 0) return this.#names.numberOf(label)
    throw new TruthError(
      'TRUTH_LINE',
      `Expected a class from 0 on, or -1 for none, but received ${label} in ${placeOf()}`,
    )
  }

  nameOf(number: number): string {
    return this.#names.nameOf(number)
  }
}
