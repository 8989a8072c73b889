import { combine, dot, toUnit } from './directions.mjs'

/** Members of a family at least; at most two more. */
const FAMILY_LEAST = 2
const FAMILY_COSINES = /** @type {const} */ ([0.25, 0.55])
const CLOSENESS_RANGE = /** @type {const} */ ([0.6, 0.93])

/**
 * What faces of an identity are drawn round.
 *
 * @typedef {object} HardIdentity
 * @property {number} size
 * @property {Float64Array} mode of unit length
 * @property {Float64Array | undefined} otherMode
 * @property {number} otherShare of the faces that are of the other mode
 * @property {number} closeness of its faces to their mode
 */

/**
 * @param {number} rows faces of all identities together
 * @param {import('./hard-faces.mjs').HardFacesShape} shape
 * @param {import('./directions.mjs').Directions} directions
 * @param {import('./variates.mjs').Variates} variates
 * @returns {HardIdentity[]}
 */
export function drawIdentities(rows, shape, directions, variates) {
  const sizes = drawSizes(rows, shape, variates)
  const modes = directions.drawMany(sizes.length)
  moveIntoFamilies(modes, shape.familyShare, directions, variates)
  return sizes.map((size, i) => ({
    size,
    mode: modes[i],
    otherMode: variates.chance(shape.bimodalShare)
      ? drawOtherMode(modes[i], variates.uniform(...shape.modeCosines), directions)
      : undefined,
    otherShare: variates.beta(2, 2),
    closeness: clip(shape.closeness + shape.closenessSpread * variates.normal(), CLOSENESS_RANGE),
  }))
}

/**
 * @param {number} rows
 * @param {import('./hard-faces.mjs').HardFacesShape} shape
 * @param {import('./variates.mjs').Variates} variates
 */
function drawSizes(rows, { medianSize, sizeSigma, maxSize }, variates) {
  /** @type {number[]} */
  const sizes = []
  for (let left = rows; left > 0;) {
    const drawn = Math.round(medianSize * Math.exp(sizeSigma * variates.normal()))
    const size = Math.min(left, clip(drawn, [1, maxSize]))
    sizes.push(size)
    left -= size
  }
  return sizes
}

/**
 * Siblings and others who look alike: a share of the modes is moved towards parents, some towards each.
 *
 * @param {Float64Array[]} modes changed
 * @param {number} share
 * @param {import('./directions.mjs').Directions} directions
 * @param {import('./variates.mjs').Variates} variates
 */
function moveIntoFamilies(modes, share, directions, variates) {
  const order = variates.permutation(modes.length)
  const end = Math.floor(share * modes.length)
  for (let i = 0; i < end;) {
    const members = order.subarray(i, (i += FAMILY_LEAST + Math.floor(3 * variates.random())))
    const [parent] = directions.drawMany(1)
    const cosine = variates.uniform(...FAMILY_COSINES)
    for (const member of members) {
      const mode = modes[member]
      combine(Math.sqrt(cosine), parent, Math.sqrt(1 - cosine), mode, mode)
      toUnit(mode)
    }
  }
}

/**
 * Age, spectacles, profile.
 *
 * @param {Float64Array} mode
 * @param {number} cosine of the two
 * @param {import('./directions.mjs').Directions} directions
 */
function drawOtherMode(mode, cosine, directions) {
  const [other] = directions.drawMany(1)
  combine(1, other, -dot(other, mode), mode, other)
  toUnit(other)
  combine(cosine, mode, Math.sqrt(1 - cosine ** 2), other, other)
  return other
}

/**
 * @param {number} value
 * @param {readonly [number, number]} range
 */
export function clip(value, [low, high]) {
  return Math.min(high, Math.max(low, value))
}
