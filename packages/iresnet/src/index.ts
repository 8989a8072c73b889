export { IresnetError } from './errors.js'
