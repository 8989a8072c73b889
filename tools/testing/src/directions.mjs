/** The standard deviation along axis k falls as k to this power. */
const SPECTRUM_POWER = -0.25

/** Random unit vectors that lie along the first axes more than along the last, as embeddings do. */
export class Directions {
  /**
   * @param {number} dim
   * @param {import('./variates.mjs').Variates} variates
   */
  constructor(dim, variates) {
    this.variates = variates
    this.spreads = Float64Array.from({ length: dim }, (_, k) => (k + 1) ** SPECTRUM_POWER)
  }

  /** @param {Float32Array | Float64Array} into dim numbers */
  draw(into) {
    for (let k = 0; k < into.length; k++) into[k] = this.spreads[k] * this.variates.normal()
    toUnit(into)
  }

  /**
   * @param {number} count
   * @returns {Float64Array[]} of dim numbers each
   */
  drawMany(count) {
    return Array.from({ length: count }, () => {
      const direction = new Float64Array(this.spreads.length)
      this.draw(direction)
      return direction
    })
  }
}

/** @param {Float32Array | Float64Array} vector scaled in place to length 1 */
export function toUnit(vector) {
  let square = 0
  for (const value of vector) square += value * value
  const scale = 1 / Math.sqrt(square)
  for (let k = 0; k < vector.length; k++) vector[k] *= scale
}

/**
 * a·x + b·y
 *
 * @param {number} a
 * @param {Float64Array} x
 * @param {number} b
 * @param {Float64Array} y
 * @param {Float64Array} into x or y or another
 */
export function combine(a, x, b, y, into) {
  for (let k = 0; k < into.length; k++) into[k] = a * x[k] + b * y[k]
}

/**
 * @param {Float64Array} x
 * @param {Float64Array} y
 */
export function dot(x, y) {
  let sum = 0
  for (let k = 0; k < x.length; k++) sum += x[k] * y[k]
  return sum
}
