import { checkEdges, EdgeError, openEdges } from '@facekit/edges'
import { openFileSet } from '@facekit/io-npy'
import { openLabels, type LabelSummary } from '@facekit/labels'
import { checkLabelOptions } from '../check-options.js'
import { LABEL_DEFAULTS, withDefaults } from '../defaults.js'
import { modelOf } from '../embedding-model.js'
import { orStopped } from '../interruption.js'
import { defaultMemoryLimit, labelMemory } from '../memory.js'
import { grouped } from '../progress.js'
import { sayLeftover, settleInput } from '../said-of-output.js'
import { whyNotFrom, whyNotOf } from '../search/edges-fit.js'
import { surveyEmbeddings } from '../search/survey.js'
import { SILENT, type Talk } from '../talk.js'
import { chooseEarlierLabels, findEarlierLabels } from './earlier-labels.js'
import { findParts, joinParts } from './join-parts.js'
import { labelEdges, lowestThreshold, warnOfThresholds, type LabelWish } from './label-edges.js'
import { chooseMethod, type ChosenMethod } from './method.js'
import { runStart } from './run-start.js'

/** What `label` is asked for. What has a default may be left out. */
export interface LabelOptions extends LabelWish {
  /** Folder with the NPY file sets that were searched. */
  input: string
  /** Folder with their edges. */
  edges: string
  output: string
  /** The words after the program's name, for `run.json`; none where a program calls. */
  command?: readonly string[] | undefined
}

/** What `label` did. */
export interface LabelRunSummary extends LabelSummary, ChosenMethod {
  /** Embeddings read. */
  images: number
  /** Embeddings with NaN or infinite values: in no class. */
  unusable: number
  /** In the folder of edges. */
  edges: number
  /** Whether the output folder was left as it was. */
  dryRun: boolean
  seconds: number
}

/**
 * Makes labels of embeddings and their edges.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError, the reason of the signal; EdgeError `EDGES_OTHER` for edges of other embeddings, or of a floor that
 * is too high
 */
export async function label(
  given: LabelOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<LabelRunSummary> {
  const startMs = Date.now()
  const wish = withDefaults(given, { ...LABEL_DEFAULTS, memoryLimit: defaultMemoryLimit() })
  checkLabelOptions(wish)
  await settleInput(wish.input, talk)
  const set = await orStopped(openFileSet(wish.input), signal)
  const model = await modelOf(set, talk)
  const parts = await orStopped(findParts(wish.edges, talk), signal)
  const there = parts ?? (await orStopped(openEdges(wish.edges), signal))
  const notOf = whyNotOf(set, there)
  if (notOf) throw otherEdges(wish, notOf)
  const chosen = await chooseMethod(wish, set, talk, signal)
  const options = { ...wish, ...chosen }
  labelMemory(options.memoryLimit, set.rows, chosen.method)
  warnOfThresholds(options, talk)
  const notFrom = whyNotFrom(lowestThreshold(options), there)
  if (notFrom) throw otherEdges(wish, notFrom)
  const pending = await openLabels(options.output, options.saveGroups)
  sayLeftover(pending, talk)
  try {
    const found = await findEarlierLabels(pending, wish, set.rows, talk)
    const survey = await surveyEmbeddings(set, talk, signal, found && [found.run.images])
    if (survey.fingerprint !== there.fingerprint)
      throw otherEdges(options, 'they are of embeddings with other numbers')
    const earlier = chooseEarlierLabels(found, set.rows, survey, chosen, talk)
    const edges = parts ? await joinParts(parts, wish.memoryLimit, talk, signal) : await openEdges(wish.edges)
    talk.info(`${grouped(set.rows)} embeddings of ${set.dim} numbers, ${grouped(edges.edges)} edges`)
    await checkEdges(edges, signal)
    const run = runStart({ ...options, startMs, model }, set, survey)
    const labelled = { ...options, earlier }
    const summary = await labelEdges(set, edges, survey.unusable, labelled, pending, run, talk, signal)
    return {
      ...summary,
      ...chosen,
      images: set.rows,
      unusable: survey.unusable.length,
      edges: edges.edges,
      dryRun: options.dryRun ?? false,
      seconds: (Date.now() - startMs) / 1000,
    }
  } finally {
    await pending.discard()
  }
}

function otherEdges({ input, edges }: LabelOptions, why: string): EdgeError {
  return new EdgeError(
    'EDGES_OTHER',
    `Expected the edges in ${edges} to serve ${input} but ${why}. Make them anew: facekit search --input ${input} --output ${edges}, with --floor where thresholds are low.`,
  )
}
