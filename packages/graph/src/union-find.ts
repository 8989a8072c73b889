/**
 * Connected components over rows 0 … n-1. The representative of a component is its smallest row.
 *
 * Linking to the smaller root instead of balancing by size costs the worst-case bound but not speed: path halving
 * alone keeps finds amortised O(log n) (Tarjan and van Leeuwen 1984, "Worst-case analysis of set union algorithms").
 */
export class UnionFind {
  readonly #parent: Int32Array

  /** @param rows `MAX_ROWS` at most */
  constructor(rows: number) {
    this.#parent = new Int32Array(rows)
    for (let row = 0; row < rows; row++) this.#parent[row] = row
  }

  /** The smallest row of the component of `row`. */
  find(row: number): number {
    const parent = this.#parent
    let at = row
    for (let up = parent[at]!; up !== at; up = parent[at]!) {
      const grandparent = parent[up]!
      parent[at] = grandparent
      at = grandparent
    }
    return at
  }

  /** Joins the components of two rows. */
  union(a: number, b: number): void {
    const rootA = this.find(a)
    const rootB = this.find(b)
    if (rootA < rootB) this.#parent[rootB] = rootA
    else this.#parent[rootA] = rootB
  }

  /**
   * What `find` gives for every row, in the memory that was used so far: not to be used afterwards.
   *
   * @returns rows × int32
   */
  toRoots(): Int32Array {
    const parent = this.#parent
    // A parent is smaller than its child, and its own root is there already.
    for (let row = 0; row < parent.length; row++) parent[row] = parent[parent[row]!]!
    return parent
  }
}
