import { pairsDoneAt, type Frontier } from './frontier.js'
import type { Region } from './pairs.js'
import { unitsOf, type TilePlan, type Unit } from './tile-plan.js'

/**
 * Follows a search whose units end in any order; where several have units of their own, each does its own in order, and
 * one may be far ahead of another.
 */
export class FrontierTracker {
  readonly #plan: TilePlan
  readonly #region: Region
  readonly #expected: Iterator<Unit>
  #next: Unit | undefined
  readonly #ownerOf: ((unit: Unit) => number) | undefined
  /** The last unit of each owner that is done. */
  readonly #lasts: number[] = []
  /** Without owners: done, and behind one that is not. There are no more than threads have in hand. */
  readonly #ahead = new Set<number>()
  #frontier: Frontier

  /**
   * @param start where an earlier search was
   * @param ownerOf whose a unit is; all are anybody's if left out
   */
  constructor(plan: TilePlan, region: Region, start: Frontier, ownerOf?: (unit: Unit) => number) {
    this.#plan = plan
    this.#region = region
    this.#ownerOf = ownerOf
    this.#expected = unitsOf(plan, region, start)
    this.#frontier = start
    this.#advance()
  }

  get frontier(): Frontier {
    return this.#frontier
  }

  finish(unit: Unit): void {
    if (this.#ownerOf) this.#lasts[this.#ownerOf(unit)] = this.#keyOf(unit)
    else this.#ahead.add(this.#keyOf(unit))
    while (this.#next && this.#isDone(this.#next)) {
      const { rows, tileRows, groupRows } = this.#plan
      const { group, galleryTile } = this.#next
      const done = {
        sources: group * groupRows,
        nextSources: Math.min(rows, (group + 1) * groupRows),
        targets: Math.min(rows, (galleryTile + 1) * tileRows),
      }
      // One that goes by other tiles than the search before it does some of its work again.
      const isBeyond = pairsDoneAt(done, this.#region) > pairsDoneAt(this.#frontier, this.#region)
      if (isBeyond) this.#frontier = done
      this.#advance()
    }
  }

  #isDone(unit: Unit): boolean {
    const key = this.#keyOf(unit)
    return this.#ownerOf ? (this.#lasts[this.#ownerOf(unit)] ?? -1) >= key : this.#ahead.delete(key)
  }

  #advance(): void {
    const { done, value } = this.#expected.next()
    this.#next = done ? undefined : value
    // Groups of a part may have been done before those that precede them.
    const { rows } = this.#plan
    if (!this.#next) this.#frontier = { sources: rows, nextSources: rows, targets: rows }
  }

  #keyOf({ group, galleryTile }: Unit): number {
    return group * this.#plan.tiles + galleryTile
  }
}
