import { seededRandom } from './random.mjs'

/** Random numbers of several distributions, decided by a seed. */
export class Variates {
  /** @param {number} seed */
  constructor(seed) {
    /** In [0, 1). */
    this.random = seededRandom(seed)
    /** @type {number | undefined} */
    this.spare = undefined
  }

  /**
   * @param {number} low
   * @param {number} high
   */
  uniform(low, high) {
    return low + (high - low) * this.random()
  }

  /** @param {number} probability */
  chance(probability) {
    return this.random() < probability
  }

  /** Of mean 0 and variance 1, two at a time, by the polar method (Marsaglia and Bray 1964). */
  normal() {
    if (this.spare !== undefined) {
      const kept = this.spare
      this.spare = undefined
      return kept
    }
    let u = 0
    let v = 0
    let square = 0
    do {
      u = 2 * this.random() - 1
      v = 2 * this.random() - 1
      square = u * u + v * v
    } while (square >= 1 || square === 0)
    const scale = Math.sqrt((-2 * Math.log(square)) / square)
    this.spare = scale * v
    return scale * u
  }

  /**
   * Of scale 1 (Marsaglia and Tsang 2000, "A simple method for generating gamma variables").
   *
   * @param {number} shape
   * @returns {number}
   */
  gamma(shape) {
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.random()) ** (1 / shape)
    const d = shape - 1 / 3
    for (;;) {
      const x = this.normal()
      const v = (1 + x / Math.sqrt(9 * d)) ** 3
      if (v > 0 && Math.log(1 - this.random()) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v
    }
  }

  /**
   * From two gamma variates, as Dirichlet's from many (Devroye 1986, "Non-Uniform Random Variate Generation", chapters IX
   * and XI).
   *
   * @param {number} a
   * @param {number} b
   */
  beta(a, b) {
    const x = this.gamma(a)
    return x / (x + this.gamma(b))
  }

  /**
   * Symmetric: `count` numbers that sum to 1.
   *
   * @param {number} concentration
   * @param {number} count
   */
  dirichlet(concentration, count) {
    const parts = Float64Array.from({ length: count }, () => this.gamma(concentration))
    const sum = parts.reduce((a, b) => a + b)
    return parts.map((part) => part / sum)
  }

  /**
   * A position, as likely as its weight.
   *
   * @param {Float64Array} weights of sum 1
   */
  choose(weights) {
    let left = this.random()
    for (let i = 0; i < weights.length - 1; i++) {
      left -= weights[i]
      if (left < 0) return i
    }
    return weights.length - 1
  }

  /**
   * @param {number} count
   * @returns {Uint32Array} 0 … count - 1 in random order (Fisher and Yates)
   */
  permutation(count) {
    const order = Uint32Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(this.random() * (i + 1))
      const swapped = order[i]
      order[i] = order[j]
      order[j] = swapped
    }
    return order
  }
}
