import { seededRandom } from './random.mjs'
import { Spectrum } from './spectrum.mjs'

/** Pictures of each person. */
const PICTURES = 5

/** Every so many persons have a near-duplicate: their last picture is their first with very little noise. */
const PERSONS_PER_DUPLICATE = 10

// Two pictures of a person have a cosine around 0.83, near-duplicates 0.99; strangers are around 0.
const PICTURE_NOISE = 0.45
const COPY_NOISE = 0.1

const BATCH_ROWS = 1024

/**
 * Embeddings of people that there are not, in shuffled order: 5 pictures each, 2 % of all near-duplicates. Everything
 * follows from the seed, and each embedding can be made alone, so that a million need no memory.
 *
 * `isotropic` ones are as long in every direction, and pictures of a person nearly alike: persons can be told apart without
 * fault. `real` ones have the spectrum and the noise of a face model: see `Spectrum`.
 */
export class People {
  /**
   * @param {number} rows
   * @param {number} dim
   * @param {{ seed?: number, kind?: 'isotropic' | 'real' }} [options]
   */
  constructor(rows, dim, { seed = 1, kind = 'isotropic' } = {}) {
    this.rows = rows
    this.dim = dim
    this.seed = seed
    this.spectrum = kind === 'real' ? new Spectrum(dim) : undefined
    const random = seededRandom(seed)
    this.order = Uint32Array.from({ length: rows }, (_, i) => i)
    for (let i = rows - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))
      const swapped = this.order[i] ?? 0
      this.order[i] = this.order[j] ?? 0
      this.order[j] = swapped
    }
    this.rowOf = new Uint32Array(rows)
    this.order.forEach((picture, row) => (this.rowOf[picture] = row))
  }

  /** @param {number} row */
  personOf(row) {
    return Math.floor((this.order[row] ?? 0) / PICTURES)
  }

  /** @param {number} row */
  pathOf(row) {
    return `person_${String(this.personOf(row)).padStart(7, '0')}/${(this.order[row] ?? 0) % PICTURES}.jpg`
  }

  /**
   * The row that is the same picture, if there is one.
   *
   * @param {number} row
   */
  twinOf(row) {
    const person = this.personOf(row)
    const last = person * PICTURES + PICTURES - 1
    if (person % PERSONS_PER_DUPLICATE !== 0 || last >= this.rows) return undefined
    const picture = this.order[row]
    if (picture === last) return this.rowOf[person * PICTURES]
    return picture === person * PICTURES ? this.rowOf[last] : undefined
  }

  /**
   * @param {number} row
   * @param {Float32Array} into dim numbers, of any length
   */
  embed(row, into) {
    const person = this.personOf(row)
    const twin = this.twinOf(row)
    const picture = this.order[row] ?? 0
    const isCopy = twin !== undefined && picture % PICTURES !== 0
    const original = isCopy ? person * PICTURES : picture
    if (this.spectrum) {
      const copy = isCopy ? this.#random(picture, 2) : undefined
      this.spectrum.embed(this.#random(person, 0), this.#random(original, 1), copy, into)
      return
    }
    this.#draw(person, 0, 1, into, 0)
    this.#draw(original, 1, PICTURE_NOISE, into, 1)
    if (isCopy) this.#draw(picture, 2, COPY_NOISE, into, 1)
  }

  /** All of them, as the stages of facekit take them. */
  *batches() {
    const { rows, dim } = this
    for (let start = 0; start < rows; start += BATCH_ROWS) {
      const count = Math.min(BATCH_ROWS, rows - start)
      const embeddings = new Float32Array(count * dim)
      for (let i = 0; i < count; i++) this.embed(start + i, embeddings.subarray(i * dim, (i + 1) * dim))
      const indices = Uint32Array.from({ length: count }, (_, i) => start + i)
      const paths = Array.from(indices, (row) => this.pathOf(row))
      yield { indices, paths, embeddings, dim, normalized: false }
    }
  }

  /**
   * Adds seeded noise.
   *
   * @param {number} what
   * @param {number} kind
   * @param {number} scale
   * @param {Float32Array} into
   * @param {0 | 1} keep whether to add to what is there
   */
  #draw(what, kind, scale, into, keep) {
    const random = this.#random(what, kind)
    for (let i = 0; i < into.length; i++) into[i] = keep * (into[i] ?? 0) + scale * (random() - 0.5)
  }
  /**
   * @param {number} what
   * @param {number} kind
   */
  #random(what, kind) {
    return seededRandom((this.seed * 3 + kind) * 0x9e3779b1 + what * 0x85ebca77)
  }
}
