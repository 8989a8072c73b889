import { Readable } from 'node:stream'
import { PendingFiles, removeOutput } from '@facekit/core'
import type { DeviceWish } from '@facekit/devices'
import { openEdges, type EdgeSet } from '@facekit/edges'
import type { ENGINES } from '@facekit/index-faiss'
import { openFileSet, type FileSet } from '@facekit/io-npy'
import { openLabels, type LabelSummary } from '@facekit/labels'
import { modelOf } from '../embedding-model.js'
import { orStopped } from '../interruption.js'
import { checkFloor, labelEdges, warnOfThresholds, type LabelWish } from '../label/label-edges.js'
import { chooseMethod, componentsThreshold, type ChosenMethod } from '../label/method.js'
import { runStart } from '../label/run-start.js'
import { labelMemory } from '../memory.js'
import { grouped, Progress } from '../progress.js'
import { sayKept, sayLeftover, settleInput } from '../said-of-output.js'
import { chooseSearch, type ChosenSearch } from '../search/choose-search.js'
import { searchEdges, type SearchEdgesOptions } from '../search/search-edges.js'
import type { Survey } from '../search/survey.js'
import type { Talk } from '../talk.js'
import { edgesFolder, findKeptEdges } from './kept-edges.js'
import { spoolArrow } from './spool-arrow.js'

export interface ClusterOptions extends LabelWish {
  /** Folder with NPY file sets, or an Arrow stream. */
  input: string | Readable
  output: string
  /** The words after the program's name, for `run.json`; none where a program calls. */
  command?: readonly string[] | undefined
  /** Cosine at or above which pairs are searched; the lowest threshold if left out. */
  floor?: number | undefined
  /** Neighbors per row, the row itself counted; Infinity for all. */
  topK: number
  /** Cores that the search may use. */
  threads: number
  engine: (typeof ENGINES)[number]
  device: DeviceWish
  /** Whether edges stay beside the labels, for other thresholds. */
  keepEdges: boolean
  /** Whether to go on with an unfinished search; see `SearchEdgesOptions`. */
  resume?: boolean | undefined
}

export interface ClusterSummary extends LabelSummary, ChosenMethod {
  /** Embeddings read. */
  images: number
  /** Embeddings with NaN or infinite values: in no class. */
  unusable: number
  /** From the floor of the search up. */
  edges: number
  /** Whether they were those of an earlier search. */
  edgesReused: boolean
  engine: string
  /** GPUs that held the gallery; 0 for the CPU. */
  gpus: number
  /** The most memory that the program held at once, as the system counts it. */
  peakMemoryBytes: number
  seconds: number
}

/** @throws FacekitError */
export async function cluster(
  options: ClusterOptions,
  talk: Talk,
  signal?: AbortSignal,
): Promise<ClusterSummary> {
  const startMs = Date.now()
  const { method = 'components', clusterThresh } = options
  // What can be said at once is said at once.
  if (method === 'components')
    checkFloor(options.floor, { ...options, clusterThresh: componentsThreshold(clusterThresh) })
  const chosen = await orStopped(chooseSearch(options.engine, options.device), signal)
  // Nothing is created for an input that is not there.
  const { input } = options
  if (typeof input === 'string') await settleInput(input, talk)
  const given = typeof input === 'string' ? await orStopped(openFileSet(input), signal) : input
  const model = given instanceof Readable ? null : await modelOf(given, talk)
  const openPending = async () => {
    const opened = await PendingFiles.in(edgesFolder(options.output), 'edges', { resume: options.resume })
    sayLeftover(opened, talk)
    return opened
  }
  // That edges can be stored is known before hours of a stream go by.
  if (given instanceof Readable) await (await openPending()).discard()
  const labels = await openLabels(options.output, options.saveGroups, options.resume)
  sayLeftover(labels, talk)
  const received = new Progress('receive', 'embeddings')
  let pending: PendingFiles | undefined
  try {
    const set =
      given instanceof Readable
        ? await spoolArrow(given, labels.scratchPath('spool'), received, talk, signal)
        : given
    pending = await openPending()
    const labelled = { ...options, ...(await chooseMethod(options, set, talk, signal)) }
    labelMemory(labelled.memoryLimit, set.rows, labelled.method)
    warnOfThresholds(labelled, talk)
    const floor = checkFloor(options.floor, labelled)
    const found = await findEdges(set, { ...options, floor }, chosen, pending, talk, signal)
    const { survey, edges } = found
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
    const summary = await labelEdges(set, edges, survey.unusable, labelled, labels, run, talk, signal)
    if (!options.keepEdges) await removeOutput(edges.folder, 'edges')
    return {
      ...summary,
      method: labelled.method,
      clusterThresh: labelled.clusterThresh,
      images: set.rows,
      unusable: survey.unusable.length,
      edges: edges.edges,
      edgesReused: found.isReused,
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
  const searched = await searchEdges(set, options, chosen, pending, talk, signal)
  return { ...searched, edges: await openEdges(pending.output), isReused: false }
}
