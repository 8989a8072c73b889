import type { ByteInput } from '@facekit/core'

/** Where a pickle is read from. It starts at `start`, and may end before `end`. */
export interface PickleInput extends ByteInput {
  /** Names it in messages: a path. */
  readonly source: string
}

/** Bytes in memory as an input. */
export function inputOf(bytes: Uint8Array, source: string): PickleInput {
  return {
    source,
    start: 0,
    end: bytes.length,
    read: async (into, position) => into.set(bytes.subarray(position, position + into.length)),
  }
}
