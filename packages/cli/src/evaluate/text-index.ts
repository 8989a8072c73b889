/** Of the slots, so many are taken at most: more make it slow. */
const FULLEST = 0.5
const FEWEST_SLOTS = 1024

/**
 * Texts numbered from 0 on in the order in which they first come, by 64 bits of hash: 16 to 32 bytes each, whatever their
 * length. Two of ten million would be taken for one once in 400,000 such sets.
 */
export class TextIndex {
  #count = 0
  /** What was found last. */
  #found = -1
  /** Two words of hash of each text. */
  #hashes = new Uint32Array(2 * FEWEST_SLOTS * FULLEST)
  /** The number of a text and 1; 0 where there is none. */
  #slots = new Uint32Array(FEWEST_SLOTS)
  readonly #hash = new Uint32Array(2)

  get size(): number {
    return this.#count
  }

  /** @returns the number of the text: a new one, `size` before, where it was not there */
  add(text: string): number {
    if (2 * this.#count === this.#hashes.length) this.#grow()
    hashInto(text, this.#hash)
    const [low, high] = [this.#hash[0]!, this.#hash[1]!]
    const slot = this.#slotOf(low, high)
    const known = this.#slots[slot]! - 1
    if (known >= 0) return known
    this.#hashes[2 * this.#count] = low
    this.#hashes[2 * this.#count + 1] = high
    this.#slots[slot] = this.#count + 1
    return this.#count++
  }

  /** @returns the number of the text, -1 if it is not there */
  find(text: string): number {
    hashInto(text, this.#hash)
    const [low, high] = [this.#hash[0]!, this.#hash[1]!]
    // Texts are mostly asked for in the order in which they came: that needs no look at the slots, which are far apart.
    const next = this.#found + 1
    const isNext = next < this.#count && this.#isAt(next, low, high)
    const number = isNext ? next : this.#slots[this.#slotOf(low, high)]! - 1
    if (number >= 0) this.#found = number
    return number
  }

  /** The slot that has the hash, or the empty one where it belongs. */
  #slotOf(low: number, high: number): number {
    const last = this.#slots.length - 1
    let slot = low & last
    for (;;) {
      const number = this.#slots[slot]! - 1
      if (number < 0 || this.#isAt(number, low, high)) return slot
      slot = (slot + 1) & last
    }
  }

  #isAt(number: number, low: number, high: number): boolean {
    return this.#hashes[2 * number] === low && this.#hashes[2 * number + 1] === high
  }

  #grow(): void {
    const hashes = new Uint32Array(2 * this.#hashes.length)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    this.#slots = new Uint32Array(hashes.length / 2 / FULLEST)
    for (let number = 0; number < this.#count; number++)
      this.#slots[this.#slotOf(hashes[2 * number]!, hashes[2 * number + 1]!)] = number + 1
  }
}

/** UTF-8 of a text, 4 bytes at a time. */
let bytes = new Uint8Array(2 ** 12)
let words = new Uint32Array(bytes.buffer)
const encoder = new TextEncoder()

/** Two streams of multiplications and shifts over 32-bit words of UTF-8, then the finalizer of MurmurHash3 over both. */
function hashInto(text: string, into: Uint32Array): void {
  // Three bytes a unit, at most.
  if (3 * text.length > bytes.length) {
    bytes = new Uint8Array(4 * Math.ceil((3 * text.length) / 4))
    words = new Uint32Array(bytes.buffer)
  }
  const { written } = encoder.encodeInto(text, bytes)
  const count = Math.ceil(written / 4)
  bytes.fill(0, written, 4 * count)
  let a = 0x9e3779b1 ^ written
  let b = 0x85ebca6b
  for (let i = 0; i < count; i++) {
    const word = words[i]!
    a = Math.imul(a ^ word, 0x9e3779b1)
    b = Math.imul(b ^ word, 0x5f356495)
    a ^= a >>> 15
    b = (b << 13) | (b >>> 19)
  }
  into[0] = finalized(a ^ Math.imul(b, 0xc2b2ae35))
  into[1] = finalized(b ^ Math.imul(a, 0x27d4eb2f))
}

function finalized(word: number): number {
  let bits = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
