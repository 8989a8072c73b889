import type { Unit } from './tile-plan.js'
import type { UnitResult } from './tile-search.js'

/** What the main thread and the threads that search say to one another. */

export type ThreadRequest = { unit: Unit; screening: boolean } | 'close'

export type ThreadReply =
  | { kind: 'ready'; exact: boolean }
  | { kind: 'result'; unit: Unit; result: UnitResult }
  | { kind: 'failure'; error: unknown }
