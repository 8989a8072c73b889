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
  /** Of an error of the system: what was asked of it. */
  syscall: string | undefined
  cause: ErrorData | undefined
}

export function errorToData(error: unknown): ErrorData {
  if (!(error instanceof Error)) {
    const nothing = { code: undefined, stack: undefined, syscall: undefined, cause: undefined }
    return { name: 'Error', message: String(error), ...nothing }
  }
  const { name, message, stack, cause } = error
  const { syscall, code } = error as NodeJS.ErrnoException
  return {
    name,
    code: error instanceof FacekitError || syscall !== undefined ? code : undefined,
    message,
    stack,
    syscall,
    cause: cause === undefined ? undefined : errorToData(cause),
  }
}

/**
 * What `errorToData` was given: FacekitErrors with their code and, where it is known here, their class; errors of the
 * system with what tells them.
 *
 * @param classes that are known beside those of core
 */
export function errorFrom(data: ErrorData, classes: readonly ErrorClass[]): Error {
  const { name, code, message, stack, syscall } = data
  const options = data.cause && { cause: errorFrom(data.cause, classes) }
  const isOurs = code !== undefined && syscall === undefined
  const error = isOurs ? new FacekitError(code, message, options) : new Error(message, options)
  if (stack !== undefined) error.stack = stack
  if (syscall !== undefined) return Object.assign(error, { code, syscall })
  const known = [OptionError, ...classes].find((one) => isOurs && one.name === name)
  if (known) Object.setPrototypeOf(error, known.prototype)
  if (isOurs) error.name = name
  return error
}
