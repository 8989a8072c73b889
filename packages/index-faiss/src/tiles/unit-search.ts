import type { EdgeBatch } from '@facekit/core'
import type { Unit } from './tile-plan.js'

/** What was found in a unit. */
export interface UnitResult {
  pairs: EdgeBatch
  /** Tiles of the unit, and those of them where so much passed the screen that float32 products were needed. */
  tiles: number
  denseTiles: number
}

/** Finds all pairs at or above a threshold, unit by unit. It may block the thread that calls it. */
export interface UnitSearch {
  /** Why it cannot screen, if so. */
  readonly unfit: string | undefined
  /** @param screening whether to try the screen first, or to compute float32 products at once */
  search(unit: Unit, screening: boolean): Promise<UnitResult>
  close(): Promise<void>
}
