import { NO_CLASS, OptionError } from '@facekit/core'
import {
  contingency,
  measure,
  mostSpread,
  readLabelRun,
  type Contingency,
  type Evaluation,
  type Side,
} from '@facekit/labels'
import { EVALUATE_DEFAULTS, withDefaults } from '../defaults.js'
import { settleInput } from '../said-of-output.js'
import { SILENT, type Talk } from '../talk.js'
import { checkStep } from '../thresholds/thresholds-from.js'
import { curveOf, edgesFor, thresholdFor, type CurvePoint } from './curve.js'
import { TruthError } from './errors.js'
import type { Kind } from './kinds.js'
import { kindOf, openLabels } from './label-source.js'
import { matchTruth } from './match.js'

/** What `evaluate` is asked for. What has a default may be left out. */
export interface EvaluateOptions {
  /** What is judged: a folder of labels, or a file that may be the truth as well. */
  labels: string
  truth: string
  /** Told by itself if left out. */
  truthKind?: Kind | undefined
  /** Whether removed duplicates count, in the class of the image that stays; true if left out. */
  duplicates?: boolean | undefined
  /** Folder with edges; beside the labels if left out, and no curve where there are none. */
  edges?: string | undefined
  /** Between the thresholds of the curve, from 0.001 to 1; 0.01 if left out. */
  step?: number | undefined
  /** Pairwise, above 0. */
  forPrecision?: number | undefined
  /** Classes of each kind that are named; 10 if left out. */
  worst?: number | undefined
}

/** A class and what shares its images on the other side. */
export interface WorstClass {
  name: string
  images: number
  /** Identities in a class, or classes of an identity. */
  parts: number
  /** The one of them with most images. */
  main: string
  mainImages: number
}

/** How labels agree with the truth: each measure is between 0 and 1. */
export interface EvaluateSummary extends Evaluation {
  /** Of the labels. */
  images: number
  /** In a class, and with a truth. */
  compared: number
  duplicates: number
  withoutClass: number
  withoutTruth: number
  /** Images of the truth that the labels do not have; left out where nobody knows. */
  notInLabels?: number | undefined
  classes: number
  identities: number
  /** Classes with most images of others than their main identity. */
  mixed: WorstClass[]
  /** Identities with most images outside their main class. */
  scattered: WorstClass[]
  /** At each threshold, ascending; left out where there are no edges. */
  curve?: CurvePoint[]
  /** null where no threshold gives it. */
  forPrecision?: CurvePoint | null
  seconds: number
}

/**
 * Compares labels with the truth.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError, of truth that cannot be used TruthError; the reason of the signal
 */
export async function evaluate(
  given: EvaluateOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<EvaluateSummary> {
  const startMs = Date.now()
  const options = withDefaults(given, EVALUATE_DEFAULTS)
  signal?.throwIfAborted()
  const step = checkStep(options.step)
  const truthKind = options.truthKind ?? (await kindOf(options.truth))
  const labelsKind = await kindOf(options.labels)
  if (labelsKind === 'folders') {
    throw new TruthError(
      'TRUTH_KIND',
      `Expected labels in ${options.labels} but it is a folder without assignments.parquet. Make labels by facekit cluster, or give the folder by --truth.`,
    )
  }
  if (labelsKind === 'labels') await settleInput(options.labels, talk)
  if (truthKind === 'labels') await settleInput(options.truth, talk)
  const run = labelsKind === 'labels' ? await readLabelRun(options.labels) : undefined
  const edges = await edgesFor(options.edges, options.labels, run, talk, signal)
  if (edges && labelsKind !== 'labels')
    talk.warn(`Taking the images of ${options.labels} for the rows of the edges, in their order`)
  if (!edges && options.forPrecision !== undefined)
    throw new OptionError(
      'Expected edges for --for-precision but there are none beside the labels. Give --edges.',
    )

  const labels = openLabels(labelsKind, options.labels)
  const { classOf, truthOf, identityOf, example, ...counts } = await matchTruth(
    labels,
    truthKind,
    options.truth,
    {
      duplicates: options.duplicates,
      folder: run?.folder,
      signal,
    },
  )
  const table = comparedOf(classOf, truthOf)
  if (table.images === 0 && classOf.length > 0) {
    throw new TruthError(
      'TRUTH_MATCH',
      `Expected images of ${options.labels} in ${options.truth} but of ${classOf.length} none has both a class and a truth${example === undefined ? '' : `, such as ${example}`}. Paths must be the same on both sides, and labels of the truth be there.`,
    )
  }
  const curve = edges && (await curveOf(edges, truthOf, step, talk, signal))
  const { forPrecision } = options
  return {
    images: classOf.length,
    compared: table.images,
    ...counts,
    classes: table.predicted.sizes.length,
    identities: table.truth.sizes.length,
    ...measure(table),
    mixed: worstOf(table, 'predicted', options.worst, labels.nameOf, identityOf),
    scattered: worstOf(table, 'truth', options.worst, identityOf, labels.nameOf),
    ...(curve && { curve }),
    ...(curve && forPrecision !== undefined && { forPrecision: thresholdFor(forPrecision, curve) ?? null }),
    seconds: (Date.now() - startMs) / 1000,
  }
}

/** Counts the images that have both. */
function comparedOf(classOf: Int32Array, truthOf: Int32Array): Contingency {
  const [classes, truth] = [new Int32Array(classOf.length), new Int32Array(classOf.length)]
  let compared = 0
  for (let image = 0; image < classOf.length; image++) {
    if (classOf[image] === NO_CLASS || truthOf[image] === NO_CLASS) continue
    classes[compared] = classOf[image]!
    truth[compared++] = truthOf[image]!
  }
  return contingency(classes.subarray(0, compared), truth.subarray(0, compared))
}

function worstOf(
  table: Contingency,
  side: Side,
  most: number,
  nameOf: (label: number) => string,
  nameOfOther: (label: number) => string,
): WorstClass[] {
  return mostSpread(table, side, most).map(({ label, images, parts, main, mainImages }) => ({
    name: nameOf(label),
    images,
    parts,
    main: nameOfOther(main),
    mainImages,
  }))
}
