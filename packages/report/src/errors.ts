import { FacekitError } from '@facekit/core'

/** What the report is to be made of does not belong together. */
export class ReportError extends FacekitError {
  constructor(message: string) {
    super('REPORT_OTHER', message)
  }
}
