/** In `#content`: the component has no row of a true class. */
const NOTHING = -1
/** In `#content`: the first table; the others are below. */
const FIRST_TABLE = -2

/**
 * How many rows of each true class components have, as they join. Few have more than one: only those take a table, and the
 * smaller goes into the larger.
 */
export class TruthCounts {
  /** Of a component, at its root: the one true class in it, `NOTHING`, or `FIRST_TABLE` less the number of its table. */
  readonly #content: Int32Array
  /** Rows with a true class. */
  readonly #sizes: Uint32Array
  /** Sum of the squares of what a component has of each true class. */
  readonly #squares: Float64Array
  readonly #tables: (Map<number, number> | undefined)[] = []
  readonly #freeTables: number[] = []

  /** @param truthOf rows × int32: the true class of each row, -1 for none. Each row is a component. */
  constructor(truthOf: Int32Array) {
    this.#content = truthOf.map((identity) => Math.max(NOTHING, identity))
    this.#sizes = Uint32Array.from(truthOf, (identity) => Number(identity >= 0))
    this.#squares = Float64Array.from(this.#sizes)
  }

  /** Rows with a true class in the component of a root. */
  sizeOf(root: number): number {
    return this.#sizes[root]!
  }

  squaresOf(root: number): number {
    return this.#squares[root]!
  }

  /**
   * Joins a component to another, whose root stays.
   *
   * @param onShared told of each true class that both have, and how many rows of it
   */
  join(from: number, into: number, onShared: (identity: number, a: number, b: number) => void): void {
    let [small, large] = [from, into]
    if (this.#classesIn(small) > this.#classesIn(large)) [small, large] = [large, small]
    let squares = this.#squares[from]! + this.#squares[into]!
    const content = this.#content[small] === NOTHING ? this.#content[large]! : this.#contentOf(small, large)
    const table = this.#tableOf(content)
    for (const [identity, count] of this.#entriesOf(small)) {
      const known = this.#countIn(large, identity)
      if (known > 0) {
        onShared(identity, count, known)
        squares += 2 * count * known
      }
      table?.set(identity, known + count)
    }
    this.#dropTable(small)
    this.#content[into] = content
    this.#sizes[into]! += this.#sizes[from]!
    this.#squares[into] = squares
  }

  /** What the larger one holds when both are one: a table, unless they are of one true class. */
  #contentOf(small: number, large: number): number {
    const content = this.#content[large]!
    if (content <= FIRST_TABLE || content === this.#content[small]) return content
    const number = this.#freeTables.pop() ?? this.#tables.length
    this.#tables[number] = new Map([[content, this.#sizes[large]!]])
    return FIRST_TABLE - number
  }

  #dropTable(root: number): void {
    const content = this.#content[root]!
    if (content > FIRST_TABLE) return
    this.#tables[FIRST_TABLE - content] = undefined
    this.#freeTables.push(FIRST_TABLE - content)
  }

  #tableOf(content: number): Map<number, number> | undefined {
    return content <= FIRST_TABLE ? this.#tables[FIRST_TABLE - content] : undefined
  }

  #classesIn(root: number): number {
    const content = this.#content[root]!
    return content === NOTHING ? 0 : (this.#tableOf(content)?.size ?? 1)
  }

  #countIn(root: number, identity: number): number {
    const content = this.#content[root]!
    if (content === identity) return this.#sizes[root]!
    return this.#tableOf(content)?.get(identity) ?? 0
  }

  #entriesOf(root: number): Iterable<[identity: number, count: number]> {
    const content = this.#content[root]!
    if (content === NOTHING) return []
    return this.#tableOf(content) ?? [[content, this.#sizes[root]!]]
  }
}
