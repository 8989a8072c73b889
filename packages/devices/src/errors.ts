import { FacekitError } from '@facekit/core'

/** A provider that was asked for and does not start. */
export class DeviceError extends FacekitError {
  constructor(message: string, options?: ErrorOptions) {
    super('PROVIDER', message, options)
  }
}
