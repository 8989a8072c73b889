import { NO_CLASS } from '@facekit/core'
import { ReportError } from '../errors.js'
import { className, counted } from '../page/numbers.js'
import type { LabelledRows } from '../sources.js'

/** No index of an image: one more than there can be. */
const NONE = 0xffffffff

/** What is held of each row: its class, its index, and that of the image which stays in its place. */
export const CLASSES_ROW_BYTES = 12

/** The classes of labels, and which images were removed. */
export class Classes {
  /** rows × int32: the class of each row, or `NO_CLASS`. */
  readonly classOf: Int32Array
  /** classes × uint32 */
  readonly sizes: Uint32Array
  readonly duplicates: number
  readonly #indexOf: Uint32Array
  readonly #staysOf: Uint32Array

  private constructor(classOf: Int32Array, indexOf: Uint32Array, staysOf: Uint32Array) {
    this.classOf = classOf
    this.#indexOf = indexOf
    this.#staysOf = staysOf
    this.sizes = sizesOf(classOf)
    let duplicates = 0
    for (const index of staysOf) if (index !== NONE) duplicates++
    this.duplicates = duplicates
  }

  /** @throws ReportError for classes that are not numbered from the largest on */
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
    return new Classes(classOf, indexOf, staysOf)
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

function sizesOf(classOf: Int32Array): Uint32Array {
  const sizes = new Uint32Array(classOf.length)
  let classes = 0
  for (const number of classOf) {
    if (number === NO_CLASS) continue
    if (number >= sizes.length)
      throw damaged(`there is ${className(number)} among ${counted(classOf.length, 'image')}`)
    sizes[number]!++
    classes = Math.max(classes, number + 1)
  }
  for (let number = 0; number < classes; number++) {
    if (sizes[number] === 0) throw damaged(`no image is in ${className(number)}`)
    if (number > 0 && sizes[number]! > sizes[number - 1]!)
      throw damaged(`${className(number)} is larger than ${className(number - 1)}`)
  }
  return sizes.slice(0, classes)
}

function damaged(what: string): ReportError {
  return new ReportError(
    `Expected classes that are numbered from the largest on, without gaps, but ${what}: the labels are damaged. Make them again by facekit cluster or label.`,
  )
}
