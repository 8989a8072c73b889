/**
 * How many rounds of a random test to run: a few in `npm test`, many in `npm run test:long`.
 *
 * @param {number} usual
 * @param {number} long
 * @returns {number}
 */
export function rounds(usual, long) {
  return process.env.FACEKIT_LONG ? long : usual
}
