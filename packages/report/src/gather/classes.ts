import { NO_CLASS, Numbering } from '@facekit/core'
import { className } from '../page/numbers.js'
import type { LabelledRows } from '../sources.js'

/** No index of an image: one more than there can be. */
const NONE = 0xffffffff

/** What is held of each row: its class, its index, and that of the image which stays in its place. */
export const CLASSES_ROW_BYTES = 12

/** The classes of labels, numbered from the largest on whatever their names are, and which images were removed. */
export class Classes {
  /** rows × int32: the class of each row, or `NO_CLASS`. */
  readonly classOf: Int32Array
  /** classes × uint32, largest first; ties by smallest row. */
  readonly sizes: Uint32Array
  /** classes × float64: the number in the name of each. */
  readonly #names: Float64Array
  readonly duplicates: number
  readonly #indexOf: Uint32Array
  readonly #staysOf: Uint32Array

  private constructor(numbered: NumberedClasses, indexOf: Uint32Array, staysOf: Uint32Array) {
    this.classOf = numbered.classOf
    this.sizes = numbered.sizes
    this.#names = numbered.names
    this.#indexOf = indexOf
    this.#staysOf = staysOf
    let duplicates = 0
    for (const index of staysOf) if (index !== NONE) duplicates++
    this.duplicates = duplicates
  }

  static async read(labels: LabelledRows): Promise<Classes> {
    const classOf = new Int32Array(labels.rows)
    const indexOf = new Uint32Array(labels.rows)
    const staysOf = new Uint32Array(labels.rows).fill(NONE)
    for await (const batch of labels.batches()) {
      classOf.set(batch.classOf, batch.firstRow)
      indexOf.set(batch.indices, batch.firstRow)
      batch.duplicateOf.forEach((index, i) => {
        if (index >= 0) staysOf[batch.firstRow + i] = index
      })
    }
    return new Classes(bySize(classOf), indexOf, staysOf)
  }

  /** As the label files have it. */
  nameOf(number: number): string {
    return className(this.#names[number]!)
  }

  get rows(): number {
    return this.classOf.length
  }

  get labelled(): number {
    return this.sizes.reduce((sum, size) => sum + size, 0)
  }

  get singletons(): number {
    return this.sizes.reduce((count, size) => count + Number(size === 1), 0)
  }

  isDuplicate(row: number): boolean {
    return this.#staysOf[row] !== NONE
  }

  /** All removed rows, ascending. */
  *removed(): Generator<number> {
    for (let row = 0; row < this.rows; row++) if (this.isDuplicate(row)) yield row
  }

  /**
   * The images that some removed ones were removed for, with all that were.
   *
   * @param removed rows that are duplicates
   * @returns removed rows by the row that stays
   */
  staysOf(removed: readonly number[]): Map<number, number[]> {
    const copies = new Map(removed.map((row) => [this.#staysOf[row]!, [] as number[]]))
    const stays = new Map<number, number>()
    for (let row = 0; row < this.rows; row++) {
      copies.get(this.#staysOf[row]!)?.push(row)
      const index = this.#indexOf[row]!
      if (copies.has(index)) stays.set(index, row)
    }
    return new Map([...stays].map(([index, row]) => [row, copies.get(index)!]))
  }
}

interface NumberedClasses {
  classOf: Int32Array
  sizes: Uint32Array
  names: Float64Array
}

/** @param classOf rows × int32: the number in the name of the class of each row; becomes the class */
function bySize(classOf: Int32Array): NumberedClasses {
  const numbering = new Numbering()
  for (let row = 0; row < classOf.length; row++)
    if (classOf[row] !== NO_CLASS) classOf[row] = numbering.add(classOf[row]!)
  // Classes are in the order of their smallest rows now.
  const names = numbering.values
  const sizeOf = new Uint32Array(names.length)
  for (const number of classOf) if (number !== NO_CLASS) sizeOf[number]!++
  const order = sizeOf.map((_, number) => number).sort((a, b) => sizeOf[b]! - sizeOf[a]! || a - b)
  const placeOf = new Uint32Array(names.length)
  order.forEach((number, place) => (placeOf[number] = place))
  for (let row = 0; row < classOf.length; row++)
    if (classOf[row] !== NO_CLASS) classOf[row] = placeOf[classOf[row]!]!
  return {
    classOf,
    sizes: order.map((number) => sizeOf[number]!),
    names: Float64Array.from(order, (number) => names[number]!),
  }
}
