import { readEdges, type EdgeSet } from '@facekit/edges'
import { sweepThresholds, type ThresholdSweep } from '@facekit/graph'
import { Progress } from '../progress.js'
import type { Talk } from '../talk.js'
import { thresholdsFrom } from './thresholds-from.js'

/**
 * What components would give at each threshold from the floor of the edges up.
 *
 * @param duplicateThreshold at or above the floor; undefined keeps all rows
 * @param step between thresholds
 */
export async function sweepEdges(
  set: EdgeSet,
  duplicateThreshold: number | undefined,
  step: number,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<ThresholdSweep> {
  const progress = new Progress('read', 'edges')
  progress.total = set.edges * (duplicateThreshold === undefined ? 1 : 2)
  return sweepThresholds({
    rows: set.rows,
    excludedCount: set.unusable,
    duplicateThreshold,
    thresholds: thresholdsFrom(set.floor, step),
    edges: async function* () {
      for await (const batch of readEdges(set)) {
        progress.count += batch.source.length
        talk.progress(progress)
        yield batch
      }
    },
    signal,
  })
}
