import type { PathBatch, PendingFiles } from '@facekit/core'
import { readEdges, type EdgeSet } from '@facekit/edges'
import { clusterEdges } from '@facekit/graph'
import { checkUnchanged, npyLabelArrays, readPaths, type FileSet } from '@facekit/io-npy'
import { writeLabels, type LabelSummary } from '@facekit/labels'
import { decodeImage } from '@facekit/preprocess'
import { flow } from '../flow.js'
import { previewMemory } from '../memory.js'
import { grouped } from '../progress.js'
import { sayCommitted } from '../said-of-output.js'
import type { Talk } from '../talk.js'

export interface LabelEdgesOptions {
  removeDuplicates: boolean
  /** Cosine at or above which two images are duplicates. */
  duplicateThresh: number
  /** Cosine at or above which two images are the same person. */
  clusterThresh: number
  /** Classes that get a folder of preview images. */
  saveGroups: number
  /** Bytes that it may take beside the program itself. */
  memoryLimit: number
}

/** The lowest cosine that labels depend on. */
export function lowestThreshold({
  removeDuplicates,
  duplicateThresh,
  clusterThresh,
}: LabelEdgesOptions): number {
  return removeDuplicates ? Math.min(clusterThresh, duplicateThresh) : clusterThresh
}

/** Said before the work. */
export function warnOfThresholds(options: LabelEdgesOptions, talk: Talk): void {
  if (!options.removeDuplicates || options.duplicateThresh >= options.clusterThresh) return
  talk.warn(
    'All pictures of a person count as duplicates, since --duplicate-thresh is below --cluster-thresh: one of each is kept',
  )
}

/**
 * Makes labels of edges and of the paths of the embeddings that they are between.
 *
 * @param unusable rows that are in no class
 * @param pending of labels; it is committed
 * @throws FacekitError
 */
export async function labelEdges(
  set: FileSet,
  edges: EdgeSet,
  unusable: Uint32Array,
  options: LabelEdgesOptions,
  pending: PendingFiles,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<LabelSummary> {
  const { clusterThresh, removeDuplicates, duplicateThresh, saveGroups } = options
  const maxDecodeBytes = previewMemory(options.memoryLimit, set.rows)
  const labels = writeLabels({
    output: pending,
    paths: () => pathsOf(set),
    arrays: npyLabelArrays,
    previews: {
      groups: saveGroups,
      decode: (path) => decodeImage(path, { width: 112, height: 112, maxDecodeBytes }),
    },
    removedDuplicates: removeDuplicates,
  })
  await flow(
    readEdges(edges, { threshold: removeDuplicates ? duplicateThresh : clusterThresh }),
    [
      clusterEdges({
        rows: set.rows,
        duplicateThreshold: removeDuplicates ? duplicateThresh : undefined,
        clusterThreshold: clusterThresh,
        excluded: unusable,
        again: () => readEdges(edges, { threshold: clusterThresh }),
      }),
    ],
    labels,
    signal,
    () => labels.isCommitted,
  )
  const { failedPreviews, previewsGivenUp } = labels.result
  sayCommitted(labels.result, talk)
  if (failedPreviews > 0) {
    talk.warn(
      `Left out of the previews: ${grouped(failedPreviews)} images that cannot be read, or not in a quarter of --memory-limit`,
    )
  }
  if (previewsGivenUp !== undefined)
    talk.warn(`Wrote no previews, since one could not be written: ${previewsGivenUp}`)
  return labels.result
}

/** Whoever has read all paths may trust that they belong to the embeddings that were searched. */
async function* pathsOf(set: FileSet): AsyncGenerator<PathBatch> {
  yield* readPaths(set) as AsyncIterable<PathBatch>
  await checkUnchanged(set)
}
