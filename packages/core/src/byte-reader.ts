/** Bytes that are read from front to back, a piece at a time. */
export interface ByteInput {
  /** Byte to start at. */
  readonly start: number
  /** Byte after the last one. */
  readonly end: number
  /** Fills `into` from byte `position` on. Is asked for nothing beyond `end`. */
  read(into: Uint8Array, position: number): Promise<void>
}

/** Read at once: many small items per read, little memory. */
const BUFFER_BYTES = 256 * 1024
/** First look for the end of a line; most are names. */
const LINE_BYTES = 256
const LINE_FEED = 0x0a

/**
 * Reads an input from front to back in small items. `prefetch` waits for the input; the others take what it brought,
 * so that a loop over millions of items does not wait for a promise per item. What it did not bring fails as truncated.
 */
export class ByteReader {
  readonly #input: ByteInput
  readonly #truncated: () => Error
  #fetched: number
  #buffer = Buffer.alloc(0)
  #at = 0

  /** @param truncated makes the error for an input that ends in the middle of an item */
  constructor(input: ByteInput, truncated: () => Error) {
    this.#input = input
    this.#truncated = truncated
    this.#fetched = input.start
  }

  /** Byte of the input that is taken next. */
  get position(): number {
    return this.#fetched - (this.#buffer.length - this.#at)
  }

  /** Bytes that were not taken yet. */
  get remaining(): number {
    return this.#input.end - this.position
  }

  /** Whether `prefetch` brought so many that were not taken yet. */
  has(bytes: number): boolean {
    return this.#buffer.length - this.#at >= bytes
  }

  /** Fails as truncated unless there are so many, fetched or not. */
  require(bytes: number): void {
    if (bytes > this.remaining) throw this.#truncated()
  }

  /** Makes the next `bytes` ready, or as many as there are. */
  async prefetch(bytes: number): Promise<void> {
    if (this.has(bytes) || this.#fetched === this.#input.end) return
    const kept = this.#buffer.subarray(this.#at)
    const fetched = Math.min(Math.max(BUFFER_BYTES, bytes) - kept.length, this.#input.end - this.#fetched)
    const buffer = Buffer.allocUnsafe(kept.length + fetched)
    kept.copy(buffer)
    await this.#input.read(buffer.subarray(kept.length), this.#fetched)
    this.#fetched += fetched
    this.#buffer = buffer
    this.#at = 0
  }

  /** Takes one byte. */
  uint8(): number {
    return this.#buffer.readUInt8(this.#advance(1))
  }

  /** Takes 2 bytes, little-endian. */
  uint16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2))
  }

  /** Takes 4 bytes, little-endian. */
  uint32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4))
  }

  /** Takes 4 bytes, little-endian, in two's complement. */
  int32(): number {
    return this.#buffer.readInt32LE(this.#advance(4))
  }

  /** Takes 8 bytes, little-endian. Inexact above 2⁵³, where it is too large for every use anyway. */
  uint64(): number {
    return this.uint32() + this.uint32() * 2 ** 32
  }

  /** Takes 8 bytes, big-endian. */
  float64BE(): number {
    return this.#buffer.readDoubleBE(this.#advance(8))
  }

  /** Takes so many; valid until the next `prefetch`. */
  bytes(length: number): Buffer {
    const start = this.#advance(length)
    return this.#buffer.subarray(start, start + length)
  }

  /**
   * What is left of a line, without its line feed; valid until the next `prefetch`.
   *
   * @returns `undefined` if it has more than `maxBytes`
   */
  async line(maxBytes: number): Promise<Buffer | undefined> {
    for (let wanted = Math.min(LINE_BYTES, maxBytes + 1); ; wanted = Math.min(2 * wanted, maxBytes + 1)) {
      await this.prefetch(wanted)
      const length = this.#buffer.subarray(this.#at, this.#at + wanted).indexOf(LINE_FEED)
      if (length >= 0) return this.bytes(length + 1).subarray(0, length)
      if (!this.has(wanted)) throw this.#truncated()
      if (wanted > maxBytes) return undefined
    }
  }

  #advance(bytes: number): number {
    if (!this.has(bytes)) throw this.#truncated()
    const start = this.#at
    this.#at += bytes
    return start
  }
}
