/** Images that an earlier class and a class share. */
export interface SharedCell {
  /** Number in the name of the earlier class; `NO_EARLIER` for images that were in none. */
  earlier: number
  /** Number of the class in the clustering. */
  now: number
  images: number
}

/** Comes after all that are in names. */
export const NO_EARLIER = 2 ** 32 - 1

type Order = 'now' | 'earlier'

/**
 * How many images earlier classes and classes share: pairs of two numbers for each image, counted by sorting them, so that
 * 8 bytes an image are all that it takes, however many classes there are.
 */
export class SharedImages {
  /** Of each pair what is sorted by comes second: together the two are a little-endian uint64. */
  readonly #words: Uint32Array
  #length = 0
  #order: Order | undefined

  /** @param most images that may be added */
  constructor(most: number) {
    this.#words = new Uint32Array(2 * most)
  }

  /** Before the first cells are asked for. */
  add(earlier: number, now: number): void {
    this.#words[this.#length++] = earlier
    this.#words[this.#length++] = now
  }

  /** Ascending by the one, then by the other. One at a time: asking for another order sorts again. */
  *cells(order: Order): Generator<SharedCell> {
    this.#sort(order)
    const words = this.#words
    for (let start = 0, end = start; start < this.#length; start = end) {
      const [minor, major] = [words[start]!, words[start + 1]!]
      while (end < this.#length && words[end] === minor && words[end + 1] === major) end += 2
      const images = (end - start) / 2
      yield order === 'now' ? { earlier: minor, now: major, images } : { earlier: major, now: minor, images }
    }
  }

  #sort(order: Order): void {
    if (order === this.#order) return
    const words = this.#words.subarray(0, this.#length)
    // They were added as they stand for the order by class.
    if (order !== (this.#order ?? 'now')) swapPairs(words)
    new BigUint64Array(words.buffer, 0, words.length / 2).sort()
    this.#order = order
  }
}

function swapPairs(words: Uint32Array): void {
  for (let at = 0; at < words.length; at += 2) {
    const first = words[at]!
    words[at] = words[at + 1]!
    words[at + 1] = first
  }
}
