import { seededRandom } from './random.mjs'

/** Of a network whose embeddings have 512 numbers, nearly all variance lies in so many axes. */
const USED_SHARE = 160 / 512

/** Variance of pictures of a person around the person, as a share of all; how it differs between pictures (sharp, blurred). */
const NOISE = 0.32
const NOISE_SPREAD = 0.8

const COPY_NOISE = 0.02

/**
 * Embeddings with the spectrum and the noise of real ones, fitted to 7,001 photographs of 2,874 people under a model of 512
 * numbers: variance along the axes falls as k^-0.4 (1 - k/160), that of pictures of a person less steeply; pictures of a
 * person have a median cosine near 0.69, strangers are at 0 ± 0.1. The axes are no coordinates: rows are turned by random
 * signs and Hadamard transforms.
 */
export class Spectrum {
  /** @param {number} dim a power of two */
  constructor(dim) {
    if (!Number.isInteger(Math.log2(dim)))
      throw new Error(`Expected a power of two for dim but received ${dim}`)
    const axes = Math.ceil(USED_SHARE * dim)
    /** @param {(k: number) => number} variance @param {number} total */
    const spreads = (variance, total) => {
      const raw = Float64Array.from({ length: axes }, (_, k) => variance(k))
      const sum = raw.reduce((a, b) => a + b)
      // Numbers that are evenly distributed over 1 have a variance of 1/12.
      return raw.map((value) => Math.sqrt((12 * total * value) / sum))
    }
    this.person = spreads((k) => (k + 1) ** -0.4 * (1 - k / axes), 1 - NOISE)
    this.picture = spreads((k) => 1 - k / axes, NOISE)
    const random = seededRandom(2)
    this.signs = Array.from({ length: 2 }, () =>
      Float64Array.from({ length: dim }, () => (random() < 0.5 ? -1 : 1)),
    )
    this.row = new Float64Array(dim)
  }

  /**
   * @param {() => number} person
   * @param {() => number} picture
   * @param {(() => number) | undefined} copy of a picture, nearly the same
   * @param {Float32Array} into dim numbers, of length 1 or so
   */
  embed(person, picture, copy, into) {
    const { row } = this
    const blur = Math.exp(NOISE_SPREAD * (picture() + picture() + picture() - 1.5))
    row.fill(0)
    for (let k = 0; k < this.person.length; k++) {
      row[k] = this.person[k] * (person() - 0.5) + blur * this.picture[k] * (picture() - 0.5)
      if (copy) row[k] += COPY_NOISE * this.picture[k] * (copy() - 0.5)
    }
    for (const signs of this.signs) {
      for (let i = 0; i < row.length; i++) row[i] *= signs[i]
      hadamard(row)
    }
    into.set(row)
  }
}

/** @param {Float64Array} row a power of two of numbers, turned in place */
function hadamard(row) {
  const scale = Math.SQRT1_2
  for (let half = 1; half < row.length; half *= 2) {
    for (let start = 0; start < row.length; start += 2 * half) {
      for (let i = start; i < start + half; i++) {
        const [a, b] = [row[i], row[i + half]]
        row[i] = scale * (a + b)
        row[i + half] = scale * (a - b)
      }
    }
  }
}
