/**
 * Every error that facekit raises on purpose. `code` is stable and can be matched on; the message says what was
 * got, what was expected and, where there is one, the fix.
 */
export class FacekitError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** An option that cannot be used, found when a stage is constructed. */
export class OptionError extends FacekitError {
  constructor(message: string, options?: ErrorOptions) {
    super('OPTION', message, options)
  }
}

/** A class whose errors `errorFrom` makes again. */
export type ErrorClass = { readonly name: string; readonly prototype: FacekitError }

/** An error as it crosses between threads: structured cloning keeps neither class nor code. */
export interface ErrorData {
  name: string
  code: string | undefined
  message: string
  stack: string | undefined
}

export function errorToData(error: unknown): ErrorData {
  if (!(error instanceof Error))
    return { name: 'Error', code: undefined, message: String(error), stack: undefined }
  const code = error instanceof FacekitError ? error.code : undefined
  return { name: error.name, code, message: error.message, stack: error.stack }
}

/**
 * What `errorToData` was given: FacekitErrors with their code and, where it is known here, their class.
 *
 * @param classes that are known beside those of core
 */
export function errorFrom({ name, code, message, stack }: ErrorData, classes: readonly ErrorClass[]): Error {
  const error = code === undefined ? new Error(message) : new FacekitError(code, message)
  if (stack !== undefined) error.stack = stack
  const known = [OptionError, ...classes].find((one) => code !== undefined && one.name === name)
  if (known) Object.setPrototypeOf(error, known.prototype)
  if (code !== undefined) error.name = name
  return error
}
