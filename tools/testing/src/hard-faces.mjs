import { combine, Directions, toUnit } from './directions.mjs'
import { clip, drawIdentities } from './hard-identities.mjs'
import { Variates } from './variates.mjs'

/**
 * @typedef {object} HardFacesShape
 * @property {number} medianSize of identities; sizes are log-normal
 * @property {number} sizeSigma of the logarithm of sizes
 * @property {number} maxSize
 * @property {number} familyShare of identities that look like one to four others
 * @property {number} bimodalShare of identities whose faces have two modes (age, spectacles, profile)
 * @property {[number, number]} modeCosines least and largest cosine of two modes
 * @property {number} arcShare of the faces of two modes that lie on the arc between them
 * @property {number} closeness of faces to their mode, on average: about their cosine
 * @property {number} closenessSpread standard deviation over identities
 * @property {number} tail mean of what single faces lack in closeness, exponential
 * @property {number} blurredShare of faces that are dragged towards what blurred faces share, at any strength
 * @property {number} attractors of blurred faces: blur, profile, dark glasses, infants
 * @property {number} attraction cosine of a face that has lost its identity with its attractor
 * @property {number} burstShare of faces that are nearly another one of their identity (cosine around 0.95)
 */

/** @type {HardFacesShape} */
const DEFAULT_SHAPE = {
  medianSize: 45,
  sizeSigma: 0.85,
  maxSize: 500,
  familyShare: 0.2,
  bimodalShare: 0.35,
  modeCosines: [0.35, 0.75],
  arcShare: 0.12,
  closeness: 0.78,
  closenessSpread: 0.045,
  tail: 0.045,
  blurredShare: 0.12,
  attractors: 120,
  attraction: 0.83,
  burstShare: 0.04,
}

const FACE_SPREAD = 0.02
const CLOSENESS_RANGE = /** @type {const} */ ([0.1, 0.95])
/** Of the attractors' shares: some are much more frequent than others. */
const ATTRACTOR_CONCENTRATION = 0.7
const BLURS = /** @type {const} */ ([0.15, 1])
const BURST_NOISE = 0.33

/**
 * Embeddings of people that there are not, on which clustering is as hard as on millions of photographs: families,
 * identities of two modes, and blurred faces that resemble one another across identities. Since faces are blurred to any
 * degree, chains of them join identities at every threshold. Everything follows from the seed; rows are shuffled.
 */
export class HardFaces {
  /**
   * @param {number} rows
   * @param {number} dim
   * @param {{ seed?: number } & Partial<HardFacesShape>} [options]
   */
  constructor(rows, dim, { seed = 1, ...shape } = {}) {
    this.rows = rows
    this.dim = dim
    /** rows × dim float32, each row of length 1. */
    this.embeddings = new Float32Array(rows * dim)
    /** rows × int32. */
    this.identities = new Int32Array(rows)

    const whole = { ...DEFAULT_SHAPE, ...shape }
    const variates = new Variates(seed)
    const directions = new Directions(dim, variates)
    const drawn = drawIdentities(rows, whole, directions, variates)
    const drawer = new FaceDrawer(whole, directions, variates)
    const order = variates.permutation(rows)
    let start = 0
    drawn.forEach((identity, number) => {
      const places = order.subarray(start, (start += identity.size))
      this.#place(identity, number, places, drawer)
    })
  }

  /**
   * @param {import('./hard-identities.mjs').HardIdentity} identity
   * @param {number} number
   * @param {Uint32Array} places rows of its faces
   * @param {FaceDrawer} drawer
   */
  #place(identity, number, places, drawer) {
    const { dim } = this
    let face = new Float64Array(dim)
    let previous = new Float64Array(dim)
    places.forEach((row, i) => {
      this.identities[row] = number
      const embedding = this.embeddings.subarray(row * dim, (row + 1) * dim)
      drawer.draw(identity, face)
      if (i > 0 && drawer.isOfBurst()) drawer.drawAgain(previous, embedding)
      else embedding.set(face)
      ;[face, previous] = [previous, face]
    })
  }
}

class FaceDrawer {
  /**
   * @param {HardFacesShape} shape
   * @param {Directions} directions
   * @param {Variates} variates
   */
  constructor(shape, directions, variates) {
    this.shape = shape
    this.directions = directions
    this.variates = variates
    this.attractors = directions.drawMany(shape.attractors)
    this.weights = variates.dirichlet(ATTRACTOR_CONCENTRATION, shape.attractors)
    this.noise = new Float64Array(directions.spreads.length)
  }

  /**
   * @param {import('./hard-identities.mjs').HardIdentity} identity
   * @param {Float64Array} into dim numbers, of length 1
   */
  draw(identity, into) {
    const { shape, directions, variates, noise } = this
    this.#drawMode(identity, into)
    const spread = FACE_SPREAD * variates.normal() + shape.tail * (1 - variates.gamma(1))
    const closeness = clip(identity.closeness + spread, CLOSENESS_RANGE)
    directions.draw(noise)
    combine(closeness, into, Math.sqrt(1 - closeness ** 2), noise, into)
    if (variates.chance(shape.blurredShare)) this.#blur(into)
    toUnit(into)
  }

  isOfBurst() {
    return this.variates.chance(this.shape.burstShare)
  }

  /**
   * Nearly the same, as in the next frame of a video.
   *
   * @param {Float64Array} face
   * @param {Float32Array} into dim numbers, of length 1
   */
  drawAgain(face, into) {
    const { noise } = this
    this.directions.draw(noise)
    combine(1, face, BURST_NOISE, noise, noise)
    into.set(noise)
    toUnit(into)
  }

  /**
   * @param {import('./hard-identities.mjs').HardIdentity} identity
   * @param {Float64Array} into
   */
  #drawMode({ mode, otherMode, otherShare }, into) {
    const { shape, variates } = this
    into.set(mode)
    if (!otherMode) return
    const isBetween = variates.chance(shape.arcShare)
    const part = isBetween ? variates.random() : Number(variates.chance(otherShare))
    combine(1 - part, mode, part, otherMode, into)
    toUnit(into)
  }

  /** @param {Float64Array} face */
  #blur(face) {
    const { shape, directions, variates, noise } = this
    const blur = variates.uniform(...BLURS)
    const attractor = this.attractors[variates.choose(this.weights)]
    directions.draw(noise)
    combine(shape.attraction, attractor, Math.sqrt(1 - shape.attraction ** 2), noise, noise)
    combine(1 - blur, face, blur, noise, face)
  }
}
