import { join } from 'node:path'
import { batchSource, checkCosine, type EdgeBatch, type SourceOf } from '@facekit/core'
import { readEdgeFile } from './edge-file.js'
import { changed, markOf, type EdgeSet } from './edge-set.js'
import { keptPairs } from './kept-pairs.js'

/** Which edges are read. */
export interface ReadEdgesOptions {
  /** Leaves out what is below; all are read if left out. */
  threshold?: number
}

/**
 * The edges of a set, ascending by (source, target), 65,536 at a time at most.
 *
 * @returns it fails with EdgeError `EDGES_CHANGED` where a file is not the one that was opened
 */
export function readEdges(set: EdgeSet, { threshold }: ReadEdgesOptions = {}): SourceOf<EdgeBatch> {
  // Similarities are float32: a threshold of 0.7 must let in the float32 that is nearest to 0.7.
  const least = threshold === undefined ? -Infinity : Math.fround(checkCosine('threshold', threshold))
  return batchSource((signal) => batches(set, least, signal))
}

async function* batches(set: EdgeSet, least: number, signal: AbortSignal): AsyncGenerator<EdgeBatch> {
  for (const { name } of set.files) {
    const path = join(set.folder, name)
    const check = (stats: Parameters<typeof markOf>[0]) => {
      if (markOf(stats) !== set.marks.get(name)) throw changed(path, 'it was replaced or written to')
    }
    for await (const batch of readEdgeFile(path, check)) {
      if (signal.aborted) return
      const kept =
        least <= set.floor ? batch : keptPairs(batch, (_source, _target, similarity) => similarity >= least)
      if (kept.source.length > 0) yield kept
    }
  }
}
