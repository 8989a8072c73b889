import type { DeviceSearchOptions } from '../device/device-search.js'
import type { DenseSearchOptions } from './dense-search.js'
import type { Unit } from './tile-plan.js'
import type { UnitResult } from './unit-search.js'

/** What the main thread and the threads that search say to one another. */

export type ThreadSetup =
  { kind: 'core'; options: DenseSearchOptions } | { kind: 'device'; options: DeviceSearchOptions }

/** What a thread starts with. */
export interface ThreadData {
  setup: ThreadSetup
  /** One number, shared: 1 when the search is to end. */
  stop: Int32Array
}

export type ThreadRequest = { unit: Unit; screening: boolean } | 'close'

export type ThreadReply =
  | { kind: 'ready'; unfit: string | undefined }
  | { kind: 'result'; unit: Unit; result: UnitResult }
  /** One line for people. */
  | { kind: 'warning'; text: string }
  | { kind: 'failure'; error: unknown }
