import { EXIT } from './exit-codes.js'

/** What ends a program from outside, and may wait until it has put things in order: not SIGKILL. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type Signal = (typeof SIGNALS)[number]

const STATUS: Readonly<Record<Signal, number>> = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
  SIGHUP: EXIT.hungUp,
}

/** The reason of an abort by a signal of the system. */
export class Interruption extends Error {
  readonly status: number

  constructor(signal: Signal) {
    super(`stopped by ${signal}; nothing half-written is left`)
    this.status = STATUS[signal]
  }
}

/**
 * Waits for work that holds nothing and cannot be stopped: left alone when the signal aborts.
 *
 * @throws the reason of the abort, or what the work throws
 */
export async function orStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  work.catch(() => {})
  let stop: (() => void) | undefined
  try {
    return await Promise.race([
      work,
      new Promise<never>((_resolve, reject) => {
        stop = () => reject(signal.reason as Error)
        signal.addEventListener('abort', stop, { once: true })
        if (signal.aborted) stop()
      }),
    ])
  } finally {
    if (stop) signal.removeEventListener('abort', stop)
  }
}
