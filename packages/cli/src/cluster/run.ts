import { availableParallelism } from 'node:os'
import { PendingFiles, removeOutput, type BatchesOf } from '@facekit/core'
import type { DeviceWish } from '@facekit/devices'
import { openEdges, type EdgeSet } from '@facekit/edges'
import type { ENGINES } from '@facekit/index-faiss'
import { openFileSet, type FileSet } from '@facekit/io-npy'
import { openLabels, type LabelSummary } from '@facekit/labels'
import { checkLabelOptions } from '../check-options.js'
import { CLUSTER_DEFAULTS, withDefaults } from '../defaults.js'
import { modelOf } from '../embedding-model.js'
import { orStopped } from '../interruption.js'
import { chooseEarlierLabels, findEarlierLabels } from '../label/earlier-labels.js'
import { checkFloor, labelEdges, warnOfThresholds, type LabelWish } from '../label/label-edges.js'
import { chooseMethod, componentsThreshold, type ChosenMethod } from '../label/method.js'
import { runStart } from '../label/run-start.js'
import { defaultMemoryLimit, labelMemory } from '../memory.js'
import { grouped, Progress } from '../progress.js'
import { sayKept, sayLeftover, settleInput } from '../said-of-output.js'
import { chooseSearch, type ChosenSearch } from '../search/choose-search.js'
import { searchEdges, type SearchEdgesOptions, type SearchWish } from '../search/search-edges.js'
import type { Survey } from '../search/survey.js'
import { SILENT, type Talk } from '../talk.js'
import { edgesFolder, findKeptEdges } from './kept-edges.js'
import { spoolArrow } from './spool-arrow.js'

/** What `cluster` is asked for. What has a default may be left out. */
export interface ClusterOptions extends LabelWish, SearchWish {
  /** Folder with NPY file sets, or the bytes of an Arrow stream, cut anywhere. */
  input: string | BatchesOf<Uint8Array>
  output: string
  /** The words after the program's name, for `run.json`; none where a program calls. */
  command?: readonly string[] | undefined
  /** Cosine at or above which pairs are searched; the lowest threshold if left out. */
  floor?: number | undefined
  /** `auto` if left out; all give the same edges. */
  engine?: (typeof ENGINES)[number] | undefined
  /** What to search on; `{ provider: 'auto' }` if left out. */
  device?: DeviceWish | undefined
  /** Whether edges stay beside the labels, for other thresholds; true if left out. */
  keepEdges?: boolean | undefined
}

/** What `cluster` did. */
export interface ClusterSummary extends LabelSummary, ChosenMethod {
  /** Embeddings read. */
  images: number
  /** Embeddings with NaN or infinite values: in no class. */
  unusable: number
  /** From the floor of the search up. */
  edges: number
  /** Whether they were those of an earlier search. */
  edgesReused: boolean
  /** Whether labels in the output folder were left as they were. */
  dryRun: boolean
  engine: string
  /** GPUs that held the gallery; 0 for the CPU. */
  gpus: number
  /** The most memory that the program held at once, as the system counts it. */
  peakMemoryBytes: number
  seconds: number
}

/**
 * Makes labels of embeddings: searches them for similar pairs, where an earlier run did not, and finds identities.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError; the reason of the signal
 */
export async function cluster(
  wish: ClusterOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<ClusterSummary> {
  const startMs = Date.now()
  const options = withDefaults(wish, {
    ...CLUSTER_DEFAULTS,
    threads: availableParallelism(),
    memoryLimit: defaultMemoryLimit(),
  })
  checkLabelOptions(options)
  const { method, clusterThresh, dryRun } = options
  // What can be said at once is said at once.
  if (method === 'components')
    checkFloor(options.floor, { ...options, clusterThresh: componentsThreshold(clusterThresh) })
  const chosen = await orStopped(chooseSearch(options.engine, options.device), signal)
  // Nothing is created for an input that is not there.
  const { input } = options
  if (typeof input === 'string') await settleInput(input, talk)
  const given = typeof input === 'string' ? await orStopped(openFileSet(input), signal) : { arrow: input }
  const model = 'arrow' in given ? null : await modelOf(given, talk)
  const openPending = async (folder = edgesFolder(options.output)) => {
    const opened = await PendingFiles.in(folder, 'edges', { resume: options.resume })
    sayLeftover(opened, talk)
    return opened
  }
  // That edges can be stored is known before hours of a stream go by.
  if ('arrow' in given) await (await openPending()).discard()
  const labels = await openLabels(options.output, options.saveGroups, options.resume)
  sayLeftover(labels, talk)
  const received = new Progress('receive', 'embeddings')
  received.sharesTerminal = true
  let pending: PendingFiles | undefined
  try {
    const rows = 'arrow' in given ? undefined : given.rows
    const earlier = await findEarlierLabels(labels, options, rows, talk)
    const set =
      'arrow' in given
        ? await spoolArrow(given.arrow, labels.scratchPath('spool'), received, talk, signal)
        : given
    // Where nothing is to stay, nothing is to go either.
    pending = await openPending(dryRun && !options.keepEdges ? labels.scratchPath('edges') : undefined)
    const labelled = { ...options, ...(await chooseMethod(options, set, talk, signal)) }
    labelMemory(labelled.memoryLimit, set.rows, labelled.method)
    warnOfThresholds(labelled, talk)
    const floor = checkFloor(options.floor, labelled)
    const firsts = earlier && [earlier.run.images]
    const found = await findEdges(set, { ...options, floor, firsts }, chosen, pending, talk, signal)
    const { survey, edges } = found
    const named = { ...labelled, earlier: chooseEarlierLabels(earlier, set.rows, survey, labelled, talk) }
    await pending.discard()
    const run = runStart(
      {
        ...labelled,
        startMs,
        input: typeof input === 'string' ? input : undefined,
        edges: options.keepEdges ? edges.folder : undefined,
        model,
      },
      set,
      survey,
    )
    const summary = await labelEdges(set, edges, survey.unusable, named, labels, run, talk, signal)
    if (!options.keepEdges && !dryRun) await removeOutput(edges.folder, 'edges')
    return {
      ...summary,
      method: labelled.method,
      clusterThresh: labelled.clusterThresh,
      images: set.rows,
      unusable: survey.unusable.length,
      edges: edges.edges,
      edgesReused: found.isReused,
      dryRun,
      engine: chosen.engine,
      gpus: found.gpus,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      seconds: (Date.now() - startMs) / 1000,
    }
  } catch (error) {
    if (pending) sayKept(pending, error, talk)
    if (received.count > 0)
      talk.warn(
        'What came through a pipe has to come again: extract --output embeddings/ could have gone on, and cluster --input embeddings/ after it',
      )
    throw error
  } finally {
    await pending?.discard()
    await labels.discard()
  }
}

interface FoundEdges {
  edges: EdgeSet
  survey: Survey
  gpus: number
  isReused: boolean
}

/** Those of an earlier run, or of a search. */
async function findEdges(
  set: FileSet,
  options: SearchEdgesOptions,
  chosen: ChosenSearch,
  pending: PendingFiles,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<FoundEdges> {
  const kept = await findKeptEdges(pending.output, set, options, talk, signal)
  if (kept) return { ...kept, gpus: 0, isReused: true }
  talk.info(`${grouped(set.rows)} embeddings of ${set.dim} numbers; search: ${chosen.reason}`)
  const searched = await searchEdges(set, { ...options, keepLower: true }, chosen, pending, talk, signal)
  return { ...searched, edges: await openEdges(pending.output), isReused: false }
}
