/** The items of the highest scores of many, in memory for so many; of equal scores those that came first. */
export class Best<Item> {
  readonly #limit: number
  /** A heap: each entry is worse than those below it. */
  readonly #heap: Ranked<Item>[] = []
  #offered = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether an item of this score would be kept: most would not, and need not be made. */
  takes(score: number): boolean {
    return this.#heap.length < this.#limit || score > this.#heap[0]!.score
  }

  offer(score: number, item: Item): void {
    if (!this.takes(score)) return
    const entry = { score, at: this.#offered++, item }
    if (this.#heap.length < this.#limit) this.#rise(entry)
    else this.#sink(entry)
  }

  /** The best first. */
  items(): Item[] {
    return [...this.#heap].sort((a, b) => b.score - a.score || a.at - b.at).map(({ item }) => item)
  }

  #rise(entry: Ranked<Item>): void {
    let at = this.#heap.push(entry) - 1
    for (let up = (at - 1) >> 1; at > 0 && isWorse(entry, this.#heap[up]!); up = (at - 1) >> 1) {
      this.#heap[at] = this.#heap[up]!
      at = up
    }
    this.#heap[at] = entry
  }

  /** Takes the place of the worst. */
  #sink(entry: Ranked<Item>): void {
    const heap = this.#heap
    let at = 0
    for (let down = 1; down < heap.length; down = 2 * at + 1) {
      if (down + 1 < heap.length && isWorse(heap[down + 1]!, heap[down]!)) down++
      if (isWorse(entry, heap[down]!)) break
      heap[at] = heap[down]!
      at = down
    }
    heap[at] = entry
  }
}

interface Ranked<Item> {
  score: number
  /** Place among those that were offered. */
  at: number
  item: Item
}

function isWorse(a: Ranked<unknown>, b: Ranked<unknown>): boolean {
  return a.score < b.score || (a.score === b.score && a.at > b.at)
}
