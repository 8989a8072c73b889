import { EdgeError, checkEdges, openEdges, readEdges, type EdgeSet } from '@facekit/edges'
import type { LabelRun } from '@facekit/core'
import { sweepAgainstTruth } from '@facekit/graph'
import { scores, type Scores } from '@facekit/labels'
import { edgesFolder } from '../cluster/kept-edges.js'
import { orStopped } from '../interruption.js'
import { Progress } from '../progress.js'
import { settleInput } from '../said-of-output.js'
import type { Talk } from '../talk.js'
import { thresholdsFrom } from '../thresholds/thresholds-from.js'

/** What a threshold gives. */
export interface CurvePoint {
  threshold: number
  /** With images that have a truth. */
  classes: number
  /** Of images in one class. */
  pairs: number
  pairwise: Scores
  bcubed: Scores
}

/**
 * The edges in a folder or, where none is given, those beside the labels, or that they were made of, if they are there.
 *
 * @param run what made the labels, where that is known
 * @throws EdgeError `EDGES_OTHER` for edges of other embeddings than those of the labels
 */
export async function edgesFor(
  folder: string | undefined,
  labels: string,
  run: LabelRun | undefined,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<EdgeSet | undefined> {
  const folders = folder === undefined ? [edgesFolder(labels), ...(run?.edges ? [run.edges] : [])] : [folder]
  for (const from of folders) {
    try {
      await settleInput(from, talk)
      const set = await orStopped(openEdges(from), signal)
      if (run && run.embeddings !== set.fingerprint) {
        throw new EdgeError(
          'EDGES_OTHER',
          `Expected the edges that the labels in ${labels} were made of but those in ${from} are of other embeddings. Name the right ones by --edges.`,
        )
      }
      return set
    } catch (error) {
      const isMissing = error instanceof EdgeError && error.code === 'EDGES_FOLDER'
      if (folder !== undefined || !isMissing) throw error
    }
  }
  return undefined
}

/**
 * How the components of edges agree with the truth at each threshold. Duplicates are not removed.
 *
 * @param truthOf rows × int32: the true class of each row, -1 for none
 * @param step between thresholds
 * @throws EdgeError `EDGES_OTHER` for edges of other rows
 */
export async function curveOf(
  set: EdgeSet,
  truthOf: Int32Array,
  step: number,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<CurvePoint[]> {
  if (set.rows !== truthOf.length) {
    throw new EdgeError(
      'EDGES_OTHER',
      `Expected the edges in ${set.folder} to be between the ${truthOf.length} images of the labels but they are between ${set.rows}. Give those of the same embeddings by --edges.`,
    )
  }
  await checkEdges(set, signal)
  const progress = new Progress('read', 'edges')
  progress.total = set.edges
  const agreements = await sweepAgainstTruth({
    truthOf,
    thresholds: thresholdsFrom(set.floor, step),
    edges: (async function* () {
      for await (const batch of readEdges(set)) {
        progress.count += batch.source.length
        talk.progress(progress)
        yield batch
      }
    })(),
    signal,
  })
  return agreements.map(({ pairwise, bcubed, ...point }) => ({
    ...point,
    pairwise: scores(pairwise.precision, pairwise.recall),
    bcubed: scores(bcubed.precision, bcubed.recall),
  }))
}

/** The lowest threshold with at least this pairwise precision; where no pair is joined, nothing is precise. */
export function thresholdFor(precision: number, curve: readonly CurvePoint[]): CurvePoint | undefined {
  return curve.find(({ pairs, pairwise }) => pairs > 0 && pairwise.precision >= precision)
}
