import { EXIT } from './exit-codes.js'

/** The reason of an abort by a signal of the system. */
export class Interruption extends Error {
  readonly status: number

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}; nothing half-written is left`)
    this.status = signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
  }
}
