export { ArrowError } from './errors.js'
export type { StreamMetadata } from './schema.js'
export { readArrow } from './read-arrow.js'
export { writeArrow } from './write-arrow.js'
