/**
 * What a pickle can hold. `bigint` stands for integers beyond 2⁵³ only. None of it can do anything: a global does
 * what the reader's own function for it does.
 */
export type PickleValue = string | number | bigint | boolean | null | Buffer | PickleObject

/** What a global does where the pickle calls it. May throw whatever its owner wants to see thrown. */
export type GlobalCall = (args: readonly PickleValue[]) => PickleValue

/** What is no number, string, bytes, boolean or None. */
export abstract class PickleObject {
  /** What Python would call it, for messages: `a dict`. */
  abstract get typeName(): string
  /** Takes the state that the pickle gives it; for a class without this, a state is an error. */
  build?(state: PickleValue): void
}

/** A global that the reader listed. */
export class PickleGlobal extends PickleObject {
  /** Module and name: `collections.OrderedDict`. */
  readonly name: string
  /** `null` where it is only mentioned, as a dtype is. */
  readonly call: GlobalCall | null

  constructor(name: string, call: GlobalCall | null) {
    super()
    this.name = name
    this.call = call
  }

  get typeName(): string {
    return 'a function'
  }
}

/** A value that holds others. No value holds itself, at any depth: what is part of another does not change any more. */
export abstract class PickleContainer extends PickleObject {
  #depth = 1
  #sealed = false

  /** Whether it is part of another. */
  get sealed(): boolean {
    return this.#sealed
  }

  /**
   * Seals what becomes part of it.
   *
   * @returns how many levels of containers it has, itself included
   */
  adopt(values: readonly PickleValue[]): number {
    for (const value of values) {
      if (!(value instanceof PickleContainer)) continue
      value.#sealed = true
      this.#depth = Math.max(this.#depth, 1 + value.#depth)
    }
    return this.#depth
  }
}

/** A tuple. */
export class PickleTuple extends PickleContainer {
  readonly items: readonly PickleValue[]

  constructor(items: readonly PickleValue[]) {
    super()
    this.items = items
  }

  get typeName(): string {
    return 'a tuple'
  }
}

/** A list. */
export class PickleList extends PickleContainer {
  #items: PickleValue[] = []

  get items(): readonly PickleValue[] {
    return this.#items
  }

  get typeName(): string {
    return 'a list'
  }

  /** Adds items at the end, in their order. */
  append(items: readonly PickleValue[]): void {
    for (const item of items) this.#items.push(item)
  }
}

/** A set or frozenset. */
export class PickleSet extends PickleContainer {
  readonly #items = new Set<PickleValue>()

  get items(): ReadonlySet<PickleValue> {
    return this.#items
  }

  get typeName(): string {
    return 'a set'
  }

  /** Adds items; strings and numbers are the same by value, all else by identity. */
  add(items: readonly PickleValue[]): void {
    for (const item of items) this.#items.add(item)
  }
}

/** A dict. */
export class PickleDict extends PickleContainer {
  // Made for the first key, since a subclass may keep its values elsewhere.
  #entries: Map<PickleValue, PickleValue> | undefined

  /** Strings and numbers are keys by value, all else by identity. */
  get entries(): ReadonlyMap<PickleValue, PickleValue> {
    return (this.#entries ??= new Map())
  }

  get typeName(): string {
    return 'a dict'
  }

  /** Sets a key, in the place of the same one. */
  set(key: PickleValue, value: PickleValue): void {
    this.#entries ??= new Map()
    this.#entries.set(key, value)
  }
}

/** For messages: what Python would call it. */
export function typeName(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'None'
  switch (typeof value) {
    case 'string':
      return 'a str'
    case 'boolean':
      return 'a bool'
    case 'number':
      return Number.isInteger(value) ? 'an int' : 'a float'
    case 'bigint':
      return 'an int'
    default:
      return value instanceof PickleObject ? value.typeName : 'bytes'
  }
}
