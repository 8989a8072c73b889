import { MalformedError } from './errors.js'

/**
 * How often the bytes of a flatbuffer may be read. Offsets may lead to the same bytes many times, so that a few of them
 * unfold to millions of tables; writers share little.
 */
const MAX_READINGS = 4

/** A table of a few bytes becomes an object of some hundred: these are 40,000 columns. */
const MAX_TABLES = 100_000

/**
 * A table of a flatbuffer. Every offset and length is checked against the bytes when it is followed, so that no more
 * than these is ever read or allocated. All methods throw MalformedError.
 *
 * A table begins with the distance back to its vtable: the bytes of the vtable, the bytes of the table, and for each
 * slot where its value lies in the table, 0 for one that is left out. Strings, vectors and other tables lie at an offset
 * forward (https://flatbuffers.dev/internals/). `slot` is the place of a field in its table in the schema.
 */
export class FlatTable {
  readonly #bytes: CheckedBytes
  readonly #at: number
  readonly #length: number
  readonly #vtable: number
  readonly #vtableLength: number

  private constructor(bytes: CheckedBytes, at: number) {
    this.#bytes = bytes
    this.#at = at
    this.#vtable = bytes.check(at - bytes.view.getInt32(bytes.check(at, 4), true), 4)
    this.#vtableLength = bytes.view.getUint16(this.#vtable, true)
    this.#length = bytes.view.getUint16(this.#vtable + 2, true)
    bytes.check(this.#vtable, this.#vtableLength)
    bytes.spend(at, this.#length)
    bytes.countTable()
  }

  /** The table that a flatbuffer begins with. */
  static root(bytes: Uint8Array): FlatTable {
    const checked = new CheckedBytes(bytes)
    return new FlatTable(checked, checked.follow(0))
  }

  uint8(slot: number): number {
    const at = this.#find(slot, 1)
    return at === undefined ? 0 : this.#bytes.view.getUint8(at)
  }

  int16(slot: number): number {
    const at = this.#find(slot, 2)
    return at === undefined ? 0 : this.#bytes.view.getInt16(at, true)
  }

  int32(slot: number): number {
    const at = this.#find(slot, 4)
    return at === undefined ? 0 : this.#bytes.view.getInt32(at, true)
  }

  /** An int64 that counts rows or bytes. */
  count(slot: number): number {
    const at = this.#find(slot, 8)
    return at === undefined ? 0 : readCount(this.#bytes.view, at)
  }

  string(slot: number): string {
    const { at, length } = this.#vector(slot, 1)
    const { buffer, byteOffset } = this.#bytes.view
    return Buffer.from(buffer, byteOffset + at, length).toString()
  }

  /** Undefined where it is left out. */
  table(slot: number): FlatTable | undefined {
    const at = this.#find(slot, 4)
    return at === undefined ? undefined : new FlatTable(this.#bytes, this.#bytes.follow(at))
  }

  tables(slot: number): FlatTable[] {
    const { at, length } = this.#vector(slot, 4)
    return Array.from({ length }, (_, i) => new FlatTable(this.#bytes, this.#bytes.follow(at + 4 * i)))
  }

  /** A vector of structs, each of `width` int64 that count rows or bytes. */
  counts(slot: number, width = 1): CountVector {
    const { at, length } = this.#vector(slot, 8 * width)
    return new CountVector(this.#bytes.view, at, length, width)
  }

  #vector(slot: number, elementBytes: number): { at: number; length: number } {
    const reference = this.#find(slot, 4)
    if (reference === undefined) return { at: 0, length: 0 }
    const start = this.#bytes.follow(reference)
    const length = this.#bytes.view.getUint32(this.#bytes.check(start, 4), true)
    return { at: this.#bytes.spend(start + 4, length * elementBytes), length }
  }

  /** Where a value of `size` bytes lies; undefined where it is left out and has its default, which is 0 in all of Arrow. */
  #find(slot: number, size: number): number | undefined {
    const entry = 4 + 2 * slot
    if (entry + 2 > this.#vtableLength) return undefined
    const offset = this.#bytes.view.getUint16(this.#vtable + entry, true)
    if (offset === 0) return undefined
    if (offset + size > this.#length) throw new MalformedError('a value lies outside its table')
    return this.#at + offset
  }
}

/** Structs of counts. */
export class CountVector {
  readonly #view: DataView
  readonly #at: number
  readonly #width: number
  readonly length: number

  constructor(view: DataView, at: number, length: number, width: number) {
    this.#view = view
    this.#at = at
    this.#width = width
    this.length = length
  }

  /** @throws MalformedError where there are fewer structs, and for a negative count */
  get(index: number, member = 0): number {
    if (index >= this.length) {
      throw new MalformedError(`it lists ${this.length} entries where its schema needs ${index + 1}`)
    }
    return readCount(this.#view, this.#at + 8 * (index * this.#width + member))
  }
}

/** @throws MalformedError for one that is negative or larger than a number holds exactly */
function readCount(view: DataView, at: number): number {
  const value = view.getBigInt64(at, true)
  if (value >= 0n && value <= Number.MAX_SAFE_INTEGER) return Number(value)
  throw new MalformedError(`${value} is no number of rows or bytes`)
}

class CheckedBytes {
  readonly view: DataView
  #unspent: number
  #tables = 0

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#unspent = MAX_READINGS * bytes.length
  }

  /** @returns `at`, where `size` bytes can be read */
  check(at: number, size: number): number {
    if (at >= 0 && at + size <= this.view.byteLength) return at
    throw new MalformedError(`an offset leads out of the ${this.view.byteLength} bytes of its metadata`)
  }

  /** The same, and the bytes count as read. */
  spend(at: number, size: number): number {
    this.check(at, size)
    this.#unspent -= size
    if (this.#unspent < 0) throw new MalformedError('its offsets lead to the same bytes again and again')
    return at
  }

  countTable(): void {
    if (++this.#tables > MAX_TABLES) throw new MalformedError(`it has more than ${MAX_TABLES} tables`)
  }

  /** Where the offset at `at` leads. */
  follow(at: number): number {
    return at + this.view.getUint32(this.check(at, 4), true)
  }
}
