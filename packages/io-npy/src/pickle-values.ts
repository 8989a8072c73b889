import type { LabelRecord } from '@facekit/core'

/** What a pickle of label records can hold. None of it can do anything. */
export type Value =
  | string
  | number
  | boolean
  | null
  | Buffer
  | Tuple
  | RecordList
  | RecordDict
  | Callable
  | ArrayDtype
  | ObjectArray

/** The globals that NumPy's pickles name, by what `reduce` makes of them. */
export type CallableName = 'reconstruct' | 'ndarray' | 'dtype' | 'scalar' | 'encode'

const CALLABLES: ReadonlyMap<string, CallableName> = new Map([
  ['numpy.core.multiarray._reconstruct', 'reconstruct'],
  ['numpy._core.multiarray._reconstruct', 'reconstruct'],
  ['numpy.ndarray', 'ndarray'],
  ['numpy.dtype', 'dtype'],
  // Paths that came out of a NumPy array are numpy.str_, not str.
  ['numpy.core.multiarray.scalar', 'scalar'],
  ['numpy._core.multiarray.scalar', 'scalar'],
  // Protocol 2 has no bytes: it spells them as text.
  ['_codecs.encode', 'encode'],
])

export class Callable {
  readonly name: CallableName

  private constructor(name: CallableName) {
    this.name = name
  }

  /** `undefined` for every global that NumPy's pickles of label records do not need. */
  static named(module: string, name: string): Callable | undefined {
    const known = CALLABLES.get(`${module}.${name}`)
    return known && new Callable(known)
  }
}

export class Tuple {
  readonly items: readonly Value[]
  /** Tuples inside tuples: NumPy's have two levels. */
  readonly depth: number

  constructor(items: readonly Value[]) {
    this.items = items
    this.depth = 1 + Math.max(0, ...items.map((item) => (item instanceof Tuple ? item.depth : 0)))
  }
}

export class RecordDict {
  folder: string | undefined
  file_path: string | undefined
}

/** The elements of the array. They are taken out as they come, so that it never holds all. */
export class RecordList {
  #records: LabelRecord[] = []
  #count = 0

  /** Elements so far, those that were taken out included. */
  get count(): number {
    return this.#count
  }

  push(record: LabelRecord): void {
    this.#records.push(record)
    this.#count++
  }

  take(): LabelRecord[] {
    const records = this.#records
    this.#records = []
    return records
  }
}

export class ArrayDtype {
  /** `O`, or `U` and a width. */
  readonly name: string
  bigEndian = false

  constructor(name: string) {
    this.name = name
  }
}

export class ObjectArray {
  /** Until the state is there, the array is empty. */
  length = 0
  list: RecordList | undefined
}

/** For messages: what Python would call it. */
export function typeName(value: Value): string {
  if (typeof value === 'string') return 'a str'
  if (typeof value === 'number') return 'an int'
  if (typeof value === 'boolean') return 'a bool'
  if (value === null) return 'None'
  if (value instanceof Buffer) return 'bytes'
  if (value instanceof Tuple) return 'a tuple'
  if (value instanceof RecordList) return 'a list'
  if (value instanceof RecordDict) return 'a dict'
  if (value instanceof Callable) return 'a function'
  if (value instanceof ArrayDtype) return 'a dtype'
  return 'an array'
}
