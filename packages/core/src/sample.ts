import { NO_CLASS } from './batches.js'

/** Some of many items, each as likely (Knuth, "The Art of Computer Programming", volume 2, algorithm R), in their order. */
export function sample<Item>(items: Iterable<Item>, most: number, random: () => number): Item[] {
  const reservoir = new Reservoir<Item>(most, random)
  for (const item of items) reservoir.add(item)
  return reservoir.items()
}

class Reservoir<Item> {
  readonly #most: number
  readonly #random: () => number
  readonly #kept: { at: number; item: Item }[] = []
  #seen = 0

  constructor(most: number, random: () => number) {
    this.#most = most
    this.#random = random
  }

  add(item: Item): void {
    const at = this.#seen++
    if (at < this.#most) this.#kept.push({ at, item })
    else {
      const place = Math.floor(this.#random() * this.#seen)
      if (place < this.#most) this.#kept[place] = { at, item }
    }
  }

  items(): Item[] {
    return this.#kept.sort((a, b) => a.at - b.at).map(({ item }) => item)
  }
}

/**
 * Rows of some classes, drawn in one go through all rows.
 *
 * @param most rows of each of these classes
 * @returns ascending rows
 */
export function sampleClasses(
  classOf: Int32Array,
  classes: number,
  most: ReadonlyMap<number, number>,
  random: () => number,
): Map<number, number[]> {
  const places = new Int32Array(classes).fill(-1)
  const reservoirs = [...most].map(([number, limit], place) => {
    places[number] = place
    return new Reservoir<number>(limit, random)
  })
  for (let row = 0; row < classOf.length; row++) {
    const number = classOf[row]!
    if (number !== NO_CLASS && places[number]! >= 0) reservoirs[places[number]!]!.add(row)
  }
  return new Map([...most.keys()].map((number, place) => [number, reservoirs[place]!.items()]))
}
