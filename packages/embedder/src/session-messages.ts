import type { Device } from '@facekit/core'

/** What the main thread and the session's worker say to one another. */

export interface SessionSetup {
  /** The model, taking its pixels as uint8. */
  model: Uint8Array
  /** Where a model with external data keeps it. */
  modelFolder: string | undefined
  width: number
  height: number
  fixedBatch: number | undefined
  device: Device
  /** Every forward pass has this many images, blank ones where there are fewer; undefined for as many as there are. */
  padTo: number | undefined
  threads: number
  /** One element, not 0 once the session is to close: what waits is not begun any more. */
  closing: Int32Array<SharedArrayBuffer>
}

export interface OutputInfo {
  name: string
  elementType: string
  /** Numbers per image. */
  dim: number
  /** As the runtime gave it for one run. */
  shape: readonly number[]
}

export interface RunRequest {
  id: number
  /** rows × height × width × 3 uint8. */
  pixels: Uint8Array
  rows: number
  outputName: string
  /** Whether to divide each embedding by its L2 norm. */
  normalize: boolean
}

/** `close` wakes a worker that waits; `closing` of its setup tells one that works. */
export type SessionRequest = RunRequest | 'close'

export type SessionReply =
  | { kind: 'ready'; outputs: OutputInfo[] }
  /** The memory of the device does not suffice for more images at once than these. */
  | { kind: 'smaller'; limit: number }
  | { kind: 'result'; id: number; embeddings: Float32Array }
  /** Without an id: the session could not be made. */
  | { kind: 'failure'; id?: number; message: string }
