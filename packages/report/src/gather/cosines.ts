import { dot } from '@facekit/core'

/** The cosines of some faces with one another. */
export class Cosines {
  readonly rows: number
  /** rows × rows float32 */
  readonly #values: Float32Array

  /** @param units of length 1 */
  constructor(units: readonly Float32Array[]) {
    const rows = units.length
    this.rows = rows
    this.#values = new Float32Array(rows * rows)
    for (let a = 0; a < rows; a++)
      for (let b = 0; b <= a; b++)
        this.#values[a * rows + b] = this.#values[b * rows + a] = dot(units[a]!, units[b]!)
  }

  of(a: number, b: number): number {
    return this.#values[a * this.rows + b]!
  }
}
