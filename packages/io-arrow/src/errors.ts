import { FacekitError } from '@facekit/core'

export type ArrowErrorCode =
  /** The bytes are no Arrow IPC stream, or damaged. */
  | 'ARROW_INVALID'
  /** The columns are not those of embeddings. */
  | 'ARROW_SCHEMA'
  /** A row has an index that 32 bits do not hold. */
  | 'ARROW_INDEX'
  /** The stream is one of Arrow, but compressed or big-endian. */
  | 'ARROW_UNSUPPORTED'
  /** The stream ended before its end marker: its writer failed or was killed. */
  | 'ARROW_TRUNCATED'

/** A stream that is not read: `code` is one of `ARROW_…`. */
export class ArrowError extends FacekitError {
  constructor(code: ArrowErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** Says what is wrong with the bytes of a message; `checkMessage` says where. */
export class MalformedError extends Error {}

/**
 * Reads of a message of a stream.
 *
 * @param number of the message in the stream, from 0
 * @throws ArrowError `ARROW_INVALID` in place of MalformedError
 */
export function checkMessage<T>(name: string, number: number, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new ArrowError(
      'ARROW_INVALID',
      `Expected an Arrow IPC stream on ${name} but its message ${number} is damaged: ${cause.message}. Have it written again.`,
      { cause },
    )
  }
}
