import { checkEdges, EdgeError } from '@facekit/edges'
import type { ThresholdOutcome } from '@facekit/graph'
import { THRESHOLDS_DEFAULTS, withDefaults } from '../defaults.js'
import { orStopped } from '../interruption.js'
import { settleInput } from '../said-of-output.js'
import { whyNotFrom } from '../search/edges-fit.js'
import { SILENT, type Talk } from '../talk.js'
import { openEdgesIn } from './open-edges.js'
import { sweepEdges } from './sweep-edges.js'
import { checkStep } from './thresholds-from.js'

/** What `thresholds` is asked for. What has a default may be left out. */
export interface ThresholdsOptions {
  /** Folder with edges, or one that holds them in `edges/`. */
  edges: string
  /** Whether one image is kept of each set of duplicates; true if left out. */
  removeDuplicates?: boolean | undefined
  /** Cosine at or above which two images are duplicates; 0.9 if left out. */
  duplicateThresh?: number | undefined
  /** Between thresholds, from 0.001 to 1; 0.01 if left out. */
  step?: number | undefined
}

/** What labels would be, threshold by threshold. */
export interface ThresholdsSummary {
  /** Rows that the edges are between. */
  images: number
  /** Embeddings with NaN or infinite values: in no class. */
  unusable: number
  duplicates: number
  /** Images in a class, at every threshold. */
  labelled: number
  edges: number
  /** Neighbors per row that were searched, the row itself counted. */
  topK: number | 'all'
  /** Ascending. */
  thresholds: ThresholdOutcome[]
  seconds: number
}

/**
 * What labels of edges would be at each threshold.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError, the reason of the signal; EdgeError `EDGES_OTHER` for edges of a floor above the threshold of
 * duplicates
 */
export async function thresholds(
  given: ThresholdsOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<ThresholdsSummary> {
  const startMs = Date.now()
  const options = withDefaults(given, THRESHOLDS_DEFAULTS)
  const step = checkStep(options.step)
  await settleInput(options.edges, talk)
  const set = await orStopped(openEdgesIn(options.edges), signal)
  const { rows, topK, unusable } = set
  const duplicateThreshold = options.removeDuplicates ? options.duplicateThresh : undefined
  const why = duplicateThreshold === undefined ? undefined : whyNotFrom(duplicateThreshold, set)
  if (why) {
    throw new EdgeError(
      'EDGES_OTHER',
      `Expected the edges in ${set.folder} to hold all duplicates but ${why}. Give a higher --duplicate-thresh or --no-remove-duplicates, or make them anew by facekit search with a lower --floor.`,
    )
  }
  await checkEdges(set, signal)
  const { duplicates, labelled, outcomes } = await sweepEdges(set, duplicateThreshold, step, talk, signal)
  return {
    images: rows,
    unusable,
    duplicates,
    labelled,
    edges: set.edges,
    topK: topK === Infinity ? 'all' : topK,
    thresholds: outcomes,
    seconds: (Date.now() - startMs) / 1000,
  }
}
