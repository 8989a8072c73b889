import { NO_CLASS, Numbering } from '@facekit/core'
import { TruthError } from './errors.js'
import { TextIndex } from './text-index.js'

/** Names of classes, numbered from 0 on in the order in which they first come. */
export class LabelNames {
  readonly #index = new TextIndex()
  readonly #names: string[] = []

  numberOf(name: string): number {
    const number = this.#index.add(name)
    // A part of a text keeps all of that text in memory.
    if (number === this.#names.length) this.#names.push(Buffer.from(name, 'utf16le').toString('utf16le'))
    return number
  }

  nameOf(number: number): string {
    return this.#names[number]!
  }
}

/** Names of classes that are whole numbers from 0 on; -1 is none. */
export class LabelIntegers {
  readonly #numbering = new Numbering()

  /** @param placeOf says where the number stands */
  numberOf(label: number, placeOf: () => string): number {
    if (label === -1) return NO_CLASS
    if (label >= 0) return this.#numbering.add(label)
    throw new TruthError(
      'TRUTH_LINE',
      `Expected a class from 0 on, or -1 for none, but received ${label} in ${placeOf()}`,
    )
  }

  nameOf(number: number): string {
    return String(this.#numbering.values[number])
  }
}
