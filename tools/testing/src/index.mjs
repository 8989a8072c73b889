export { compare } from './compare.mjs'
export { seededRandom } from './random.mjs'
