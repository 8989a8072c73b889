export { PickleError } from './errors.js'
export type { PickleErrorCode } from './errors.js'
export type { PickleInput } from './input.js'
export { inputOf } from './input.js'
export type { PickleLimits } from './limits.js'
export { Op } from './opcodes.js'
export { unpickle } from './unpickle.js'
export { Unpickler } from './unpickler.js'
export type { UnpickleOptions } from './unpickler.js'
export type { GlobalCall, PickleValue } from './values.js'
export {
  PickleContainer,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleSet,
  PickleTuple,
  typeName,
} from './values.js'
