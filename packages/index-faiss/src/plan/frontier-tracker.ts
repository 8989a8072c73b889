import { pairsDoneAt, type Frontier } from './frontier.js'
import { unitsOf, type TilePlan, type Unit } from './tile-plan.js'

/** Follows a search whose units end in any order. */
export class FrontierTracker {
  readonly #plan: TilePlan
  readonly #expected: Iterator<Unit>
  #next: Unit | undefined
  /** Done, and behind one that is not. */
  readonly #ahead = new Set<number>()
  #frontier: Frontier

  /** @param start where an earlier search was */
  constructor(plan: TilePlan, start: Frontier) {
    this.#plan = plan
    this.#expected = unitsOf(plan, start)
    this.#frontier = start
    this.#advance()
  }

  get frontier(): Frontier {
    return this.#frontier
  }

  finish(unit: Unit): void {
    this.#ahead.add(this.#keyOf(unit))
    while (this.#next && this.#ahead.delete(this.#keyOf(this.#next))) {
      const { rows, tileRows, groupRows } = this.#plan
      const { group, galleryTile } = this.#next
      const done = {
        sources: group * groupRows,
        nextSources: Math.min(rows, (group + 1) * groupRows),
        targets: Math.min(rows, (galleryTile + 1) * tileRows),
      }
      // One that goes by other tiles than the search before it does some of its work again.
      if (pairsDoneAt(done, rows) > pairsDoneAt(this.#frontier, rows)) this.#frontier = done
      this.#advance()
    }
  }

  #advance(): void {
    const { done, value } = this.#expected.next()
    this.#next = done ? undefined : value
  }

  #keyOf({ group, galleryTile }: Unit): number {
    return group * this.#plan.tiles + galleryTile
  }
}
