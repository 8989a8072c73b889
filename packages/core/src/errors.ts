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
