export { compare } from './compare.mjs'
export { People } from './people.mjs'
export { findPythons } from './python.mjs'
export { seededRandom } from './random.mjs'
