import type { FloatProduct } from '../float-product.js'
import { roundingError } from '../similarity.js'

const SPARE_STARTS = 32

/**
 * Axes along which rows are long, one after the other: an orthonormal basis that is close to the space of the leading
 * eigenvectors of their second moment, found by two steps of subspace iteration from rows of the sample (Halko,
 * Martinsson, Tropp, Finding structure with randomness, section 4.5). Only the space that the first axes span counts, so
 * that eigenvectors need not be told apart; more steps would leave float32 no digits for the later axes.
 */
export class PrincipalAxes {
  readonly #dim: number
  /** count × dim float32, row-major: where axes start from. */
  readonly #starts: Float32Array
  /** Axes so far, float64, row-major. */
  readonly #axes: Float64Array[] = []
  #next = 0

  private constructor(dim: number, starts: Float32Array) {
    this.#dim = dim
    this.#starts = starts
  }

  /**
   * @param sample m × dim float32, row-major
   * @param most axes that will be asked for
   */
  static async of(
    sample: Float32Array,
    dim: number,
    most: number,
    product: FloatProduct,
  ): Promise<PrincipalAxes> {
    const rows = sample.length / dim
    const columns = new Float32Array(sample.length)
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < dim; i++) columns[i * rows + row] = sample[row * dim + i]!
    const moment = new Float32Array(dim * dim)
    await product.run(columns, columns, rows, moment)
    // Spread over the sample, and some more than are needed: a row may be zero, or add nothing new.
    const count = Math.min(rows, most + SPARE_STARTS)
    const chosen = new Float32Array(count * dim)
    for (let i = 0; i < count; i++) {
      const row = Math.floor((i * rows) / count)
      chosen.set(sample.subarray(row * dim, (row + 1) * dim), i * dim)
    }
    // It is symmetric: its rows are its columns.
    const once = new Float32Array(count * dim)
    await product.run(chosen, moment, dim, once)
    const twice = new Float32Array(count * dim)
    await product.run(once, moment, dim, twice)
    return new PrincipalAxes(dim, twice)
  }

  /**
   * The first axes; fewer where the sample spans no more.
   *
   * @returns count × dim float64
   */
  first(count: number): readonly Float64Array[] {
    const starts = this.#starts.length / this.#dim
    while (this.#axes.length < count && this.#next < starts) {
      const start = this.#next++ * this.#dim
      const axis = Float64Array.from(this.#starts.subarray(start, start + this.#dim))
      const before = lengthOf(axis)
      // Twice: what the first subtraction leaves of the axes before is noise of the size of what it took.
      for (let pass = 0; pass < 2; pass++) for (const other of this.#axes) subtractAlong(axis, other)
      const length = lengthOf(axis)
      // Below float32's own noise there is no direction left.
      if (!(length > before * 1e-8)) continue
      for (let i = 0; i < axis.length; i++) axis[i]! /= length
      this.#axes.push(axis)
    }
    return this.#axes.slice(0, count)
  }
}

function subtractAlong(vector: Float64Array, axis: Float64Array): void {
  // Four sums, because one would make each addition wait for the one before.
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  const whole = vector.length - (vector.length % 4)
  for (let i = 0; i < whole; i += 4) {
    s0 += vector[i]! * axis[i]!
    s1 += vector[i + 1]! * axis[i + 1]!
    s2 += vector[i + 2]! * axis[i + 2]!
    s3 += vector[i + 3]! * axis[i + 3]!
  }
  for (let i = whole; i < vector.length; i++) s0 += vector[i]! * axis[i]!
  const along = s0 + s1 + s2 + s3
  for (let i = 0; i < vector.length; i++) vector[i]! -= along * axis[i]!
}

function lengthOf(vector: Float64Array): number {
  let squares = 0
  for (const value of vector) squares += value * value
  return Math.sqrt(squares)
}

/**
 * Turns axes within the space that they span, so that rows are about equally long along each: the largest component of a
 * row, which decides how finely all are coded, becomes smaller. By the orthonormal cosine transform (DCT-II) of the axes
 * with changing signs.
 *
 * @returns count × dim float32, row-major, shared
 */
export function evenAxes(axes: readonly Float64Array[], dim: number): Float32Array {
  const count = axes.length
  const turned = new Float32Array(new SharedArrayBuffer(Float32Array.BYTES_PER_ELEMENT * count * dim))
  const sums = new Float64Array(dim)
  for (let k = 0; k < count; k++) {
    sums.fill(0)
    const scale = Math.sqrt((k === 0 ? 1 : 2) / count)
    axes.forEach((axis, j) => {
      // Multiplying by the golden ratio gives signs without a pattern.
      const sign = (j * 0.618033988749895) % 1 < 0.5 ? 1 : -1
      const weight = sign * scale * Math.cos((Math.PI * k * (2 * j + 1)) / (2 * count))
      for (let i = 0; i < dim; i++) sums[i]! += weight * axis[i]!
    })
    turned.set(sums, k * dim)
  }
  return turned
}

/**
 * How far, as an L2 norm, components of a unit row along such axes, computed in float32, may be from those along the
 * nearest axes that are exactly orthonormal: see EXACTNESS.md.
 *
 * @param axes count × dim float32, row-major
 */
export function axesError(axes: Float32Array, dim: number): number {
  const count = axes.length / dim
  let squares = 0
  for (let a = 0; a < count; a++) {
    for (let b = a; b < count; b++) {
      let product = 0
      for (let i = 0; i < dim; i++) product += axes[a * dim + i]! * axes[b * dim + i]!
      squares += a === b ? (product - 1) ** 2 : 2 * product ** 2
    }
  }
  const skew = Math.sqrt(squares)
  return (skew + UNIT_ERROR + roundingError(dim) * Math.sqrt(count) * (1 + skew)) * (1 + 2 ** -20)
}

/** The same of components as they are: a row divided by its length is rounded to float32. */
export const UNIT_ERROR = 2 ** -24
