import { FacekitError } from '@facekit/core'

/** Why a pickle is not read. */
export type PickleErrorCode =
  /** It ends before its last opcode. */
  | 'PICKLE_TRUNCATED'
  /** Its opcodes do not fit together. */
  | 'PICKLE_DAMAGED'
  /** It is sound as far as it was read, but uses or needs more than is read here. */
  | 'PICKLE_UNSUPPORTED'
  /** It asks for a global that its reader did not list. */
  | 'PICKLE_GLOBAL'

/** A pickle that is not read. */
export class PickleError extends FacekitError {
  declare readonly code: PickleErrorCode
  /** What is wrong, without the name of the input: for callers that have more to say. */
  readonly problem: string

  constructor(code: PickleErrorCode, source: string, problem: string, options?: ErrorOptions) {
    super(code, `${source}: ${problem}`, options)
    this.problem = problem
  }
}
