/** Levels are uint16. */
export const MAX_LEVEL = 2 ** 16 - 1

/**
 * Connected components at every level at once, of edges that come in any order: rows a and b are connected at a level if
 * edges of that level or above connect them.
 *
 * Each row has one link at most, to a smaller row, with the level from which the two are connected; that is a maximum
 * spanning forest, since an edge whose ends are connected at its level already changes no component at any (the cycle
 * property; Tarjan 1983, "Data Structures and Network Algorithms", chapter 6), and one that is new takes the place of the lowest link on the way. This is the triplet merge tree of Smirnov
 * and Morozov (2017, "Triplet Merge Trees").
 */
export class MergeTree {
  /** Of rows that have a link. */
  readonly #parent: Int32Array
  /** Of the link to the parent; 0 for none. */
  readonly #level: Uint16Array

  /** @param rows `MAX_ROWS` at most */
  constructor(rows: number) {
    this.#parent = new Int32Array(rows)
    this.#level = new Uint16Array(rows)
  }

  get rows(): number {
    return this.#level.length
  }

  /** The level from which the row is not the smallest of its component; 0 for none. */
  levelOf(row: number): number {
    return this.#level[row]!
  }

  /** The smallest row that is connected to `row` at this level. */
  rootAt(row: number, level: number): number {
    const levels = this.#level
    const parent = this.#parent
    let at = row
    while (levels[at]! >= level) {
      const up = parent[at]!
      // Where the next link reaches as high, the row between is a root at no level that comes by here. Without it, links on
      // a path get lower and lower: paths become no longer than there are levels.
      if (levels[up]! >= levels[at]!) parent[at] = parent[up]!
      at = parent[at]!
    }
    return at
  }

  /** @param level `MAX_LEVEL` at most; 0 says nothing */
  join(a: number, b: number, level: number): void {
    const levels = this.#level
    const parent = this.#parent
    for (let due = level; due > 0;) {
      const rootA = this.rootAt(a, due)
      const rootB = this.rootAt(b, due)
      if (rootA === rootB) return
      const root = Math.min(rootA, rootB)
      const child = Math.max(rootA, rootB)
      // The link that the child had, a lower one, is between the joined component and its parent now.
      a = root
      b = parent[child]!
      const lower = levels[child]!
      parent[child] = root
      levels[child] = due
      due = lower
    }
  }

  /** @returns the rows that have a link, those of the highest level first: by a counting sort */
  linkedRows(): Uint32Array {
    const levels = this.#level
    const next = new Uint32Array(MAX_LEVEL + 2)
    let links = 0
    for (const level of levels) {
      if (level === 0) continue
      next[level - 1]!++
      links++
    }
    // Where the rows of each level begin: after those of all higher ones.
    for (let level = MAX_LEVEL; level >= 0; level--) next[level]! += next[level + 1]!
    const linked = new Uint32Array(links)
    for (let row = 0; row < levels.length; row++) {
      const level = levels[row]!
      if (level > 0) linked[next[level]!++] = row
    }
    return linked
  }
}
