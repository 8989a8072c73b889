import { join } from 'node:path'
import { filesMadeIn, OptionError, removeOutput, type PathBatch, type PendingFiles } from '@facekit/core'
import { readEdges, type EdgeSet } from '@facekit/edges'
import { clusterEdges, detectCommunities, type CommunityStep } from '@facekit/graph'
import { checkUnchanged, npyLabelArrays, readPaths, UnitRows, type FileSet } from '@facekit/io-npy'
import { writeLabels, type EarlierLabels, type LabelRunStart, type LabelSummary } from '@facekit/labels'
import { decodeImage } from '@facekit/preprocess'
import type { Filled, LABEL_DEFAULTS } from '../defaults.js'
import { flow } from '../flow.js'
import { labelMemory } from '../memory.js'
import { grouped } from '../progress.js'
import { sayCommitted, sayPlanned } from '../said-of-output.js'
import type { Talk } from '../talk.js'
import type { NamesWish } from './earlier-labels.js'
import type { ChosenMethod, MethodWish } from './method.js'

export interface LabelWish extends MethodWish, NamesWish {
  /** Whether one image is kept of each set of duplicates; true if left out. */
  removeDuplicates?: boolean | undefined
  /** Cosine at or above which two images are duplicates; 0.9 if left out. */
  duplicateThresh?: number | undefined
  /** Largest classes that get a folder of preview images; 50 if left out, 0 for none. */
  saveGroups?: number | undefined
  /** Whether labels are made and said, but not written; false if left out. */
  dryRun?: boolean | undefined
  /** Bytes that may be taken beside the program itself; half of the memory if left out. */
  memoryLimit?: number | undefined
}

const SAID: Readonly<Record<CommunityStep, string>> = {
  graph: 'Communities: reading edges',
  smoothing: 'Communities: smoothing',
  communities: 'Communities: finding modules',
  polishing: 'Communities: polishing',
}

/** With what was left open. */
export type LabelEdgesOptions = Filled<LabelWish, typeof LABEL_DEFAULTS & { memoryLimit: number }> &
  ChosenMethod & { earlier?: EarlierLabels | undefined }

type Thresholds = Pick<LabelEdgesOptions, 'removeDuplicates' | 'duplicateThresh' | 'clusterThresh'>

/** The lowest cosine that labels depend on. */
export function lowestThreshold({ removeDuplicates, duplicateThresh, clusterThresh }: Thresholds): number {
  return removeDuplicates ? Math.min(clusterThresh, duplicateThresh) : clusterThresh
}

/**
 * @returns the floor to search from
 * @throws OptionError for one that is above a threshold
 */
export function checkFloor(floor: number | undefined, options: Thresholds): number {
  const lowest = lowestThreshold(options)
  if (floor === undefined || floor <= lowest) return floor ?? lowest
  throw new OptionError(
    `Expected --floor at or below the thresholds, of which the lowest is ${lowest}, but received ${floor}`,
  )
}

/** Said before the work. */
export function warnOfThresholds(
  { removeDuplicates, duplicateThresh, clusterThresh }: LabelEdgesOptions,
  talk: Talk,
): void {
  if (!removeDuplicates || duplicateThresh >= clusterThresh) return
  talk.warn(
    'All pictures of a person count as duplicates, since --duplicate-thresh is below --cluster-thresh: one of each is kept',
  )
}

/**
 * Makes labels of edges and of the paths of the embeddings that they are between.
 *
 * @param unusable rows that are in no class
 * @param pending of labels; it is committed, but for a dry run
 * @param run what is said of it beside the labels
 * @throws FacekitError
 */
export async function labelEdges(
  set: FileSet,
  edges: EdgeSet,
  unusable: Uint32Array,
  options: LabelEdgesOptions,
  pending: PendingFiles,
  run: LabelRunStart,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<LabelSummary> {
  const { method, clusterThresh, removeDuplicates, duplicateThresh, saveGroups, earlier } = options
  const { dryRun = false } = options
  const memory = labelMemory(options.memoryLimit, set.rows, method, earlier !== undefined)
  const rows = new UnitRows(set)
  const labels = writeLabels({
    output: pending,
    paths: () => pathsOf(set),
    embeddings: rows,
    arrays: npyLabelArrays,
    previews: {
      groups: saveGroups,
      decode: (path) => decodeImage(path, { width: 112, height: 112, maxDecodeBytes: memory.preview }),
    },
    removedDuplicates: removeDuplicates,
    earlier,
    run,
    dryRun,
    // The contract's own says nothing.
    ...(method === 'communities' && { method: `communities at a cosine of ${clusterThresh}` }),
  })
  const duplicateThreshold = removeDuplicates ? duplicateThresh : undefined
  const common = {
    rows: set.rows,
    duplicateThreshold,
    excluded: unusable,
    again: () => readEdges(edges, { threshold: clusterThresh }),
  }
  try {
    const first = readEdges(edges, { threshold: duplicateThreshold ?? clusterThresh })
    const stage =
      method === 'components'
        ? clusterEdges({ ...common, clusterThreshold: clusterThresh })
        : detectCommunities({
            ...common,
            threshold: clusterThresh,
            embeddings: rows,
            memoryBytes: memory.communities,
            scratchFolder: pending.folder,
            onProgress: (step) => talk.info(SAID[step]),
          })
    await flow(first, [stage], labels, signal, () => labels.isCommitted)
  } finally {
    await rows.close()
  }
  // It is of labels that are no more.
  const report = await filesMadeIn(pending.output, 'report')
  const { failedPreviews, previewsGivenUp, changes } = labels.result
  const said =
    changes &&
    `the names of ${grouped(changes.kept)} classes; ${grouped(changes.new)} new, ${grouped(changes.merged)} merged, ${grouped(changes.split)} split`
  if (dryRun) {
    const there = [...pending.earlierFiles.keys()].map((name) => name.split('/', 1)[0]!)
    sayPlanned(pending.output, labels.result.files, [...new Set(there), ...report], talk)
    if (said) talk.info(`It would keep ${said}`)
    return labels.result
  }
  if (report.length > 0) await removeOutput(pending.output, 'report')
  sayCommitted(labels.result, talk)
  if (said) talk.info(`Kept ${said}: see ${join(pending.output, 'changes.csv')}`)
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
  yield* readPaths(set)
  await checkUnchanged(set)
}
