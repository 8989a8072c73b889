export { compare } from './compare.mjs'
export { findPythons } from './python.mjs'
export { seededRandom } from './random.mjs'
