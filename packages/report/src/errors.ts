import { FacekitError } from '@facekit/core'

/** What the report is to be made of does not belong together, labels and their numbering included. */
export class ReportError extends FacekitError {
  constructor(message: string) {
    super('REPORT_OTHER', message)
  }
}
