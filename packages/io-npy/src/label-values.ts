import type { LabelRecord } from '@facekit/core'
import type { PickleValue } from '@facekit/pickle'
import { PickleDict, PickleList, PickleObject, PickleTuple, typeName } from '@facekit/pickle'

/** Throws what is wrong with a value. */
export type Refuse = (what: string) => never

/** One record. Holds two strings and no map, since the memo of NumPy's pickles keeps every dict. */
export class RecordDict extends PickleDict {
  readonly #refuse: Refuse
  folder: string | undefined
  file_path: string | undefined

  constructor(refuse: Refuse) {
    super()
    this.#refuse = refuse
  }

  override set(key: PickleValue, value: PickleValue): void {
    if (key !== 'folder' && key !== 'file_path') {
      this.#refuse(`has the key ${typeof key === 'string' ? JSON.stringify(key) : typeName(key)}`)
    } else if (typeof value !== 'string') {
      this.#refuse(`has ${typeName(value)} for '${key}'`)
    } else {
      this[key] = value
    }
  }
}

/** The elements of the array. They are taken out as they come, so that it never holds all. */
export class RecordList extends PickleList {
  readonly #refuse: Refuse
  #records: LabelRecord[] = []
  #count = 0

  constructor(refuse: Refuse) {
    super()
    this.#refuse = refuse
  }

  /** Elements so far, those that were taken out included. */
  get count(): number {
    return this.#count
  }

  override append(items: readonly PickleValue[]): void {
    for (const item of items) this.#records.push(this.#record(item, this.#count++))
  }

  take(): LabelRecord[] {
    const records = this.#records
    this.#records = []
    return records
  }

  #record(item: PickleValue, row: number): LabelRecord {
    if (!(item instanceof RecordDict)) return this.#refuse(`holds ${typeName(item)} in row ${row}`)
    const { folder, file_path } = item
    if (folder === undefined || file_path === undefined) {
      return this.#refuse(`lacks the key '${folder === undefined ? 'folder' : 'file_path'}' in row ${row}`)
    }
    return { folder, file_path }
  }
}

export class ArrayDtype extends PickleObject {
  /** `O`, or `U` and a width. */
  readonly name: string
  bigEndian = false

  constructor(name: string) {
    super()
    this.name = name
  }

  get typeName(): string {
    return 'a dtype'
  }

  /** (version, byte order, …) */
  override build(state: PickleValue): void {
    this.bigEndian = state instanceof PickleTuple && state.items[1] === '>'
  }
}

/** The array itself. It has no elements until its state is there. */
export class ObjectArray extends PickleObject {
  /** (version, shape, dtype, Fortran order, elements) */
  state: readonly PickleValue[] | undefined

  get typeName(): string {
    return 'an array'
  }

  override build(state: PickleValue): void {
    this.state = state instanceof PickleTuple ? state.items : []
  }
}
