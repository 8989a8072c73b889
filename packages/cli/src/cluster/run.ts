import { Readable } from 'node:stream'
import type { EdgeBatch, PathBatch, PendingFiles } from '@facekit/core'
import type { DeviceWish } from '@facekit/devices'
import { clusterEdges } from '@facekit/graph'
import { Gallery, gatherGallery, searchNeighbors, type ENGINES } from '@facekit/index-faiss'
import {
  checkUnchanged,
  npyLabelArrays,
  openFileSet,
  readEmbeddings,
  readPaths,
  rowFilesOf,
  type FileSet,
} from '@facekit/io-npy'
import { openLabels, writeLabels } from '@facekit/labels'
import { decodeImage } from '@facekit/preprocess'
import { flow, tap } from '../flow.js'
import { orStopped } from '../interruption.js'
import { sayCommitted, sayLeftover, settleInput } from '../said-of-output.js'
import { grouped, Progress } from '../progress.js'
import type { Talk } from '../talk.js'
import { chooseSearch, type ChosenSearch } from './choose-search.js'
import { shareMemory } from './memory.js'
import { spoolArrow } from './spool-arrow.js'

export interface ClusterOptions {
  /** Folder with NPY file sets, or an Arrow stream. */
  input: string | Readable
  output: string
  removeDuplicates: boolean
  /** Cosine at or above which two images are duplicates. */
  duplicateThresh: number
  /** Cosine at or above which two images are the same person. */
  clusterThresh: number
  /** Neighbors per row, the row itself counted; Infinity for all. */
  topK: number
  /** Bytes that the search and the clustering may take beside the program itself. */
  memoryLimit: number
  /** Cores that the search may use. */
  threads: number
  engine: (typeof ENGINES)[number]
  device: DeviceWish
  /** Classes that get a folder of preview images. */
  saveGroups: number
}

export interface ClusterSummary {
  /** Embeddings read. */
  images: number
  /** Embeddings with NaN or infinite values: in no class. */
  unusable: number
  duplicates: number
  classes: number
  /** Images in a class. */
  labelled: number
  edges: number
  /** Images left out of the previews: they cannot be read, or take too much memory to decode. */
  failedPreviews: number
  /** Why there are no previews, where one could not be written. */
  previewsGivenUp?: string
  engine: string
  /** GPUs that held the gallery; 0 for the CPU. */
  gpus: number
  /** The most memory that the program held at once, as the system counts it. */
  peakMemoryBytes: number
  /** Names of the files and folders in the output folder. */
  files: string[]
  /** Files of an earlier run that are no more: none of the same name was made. */
  removed: string[]
  seconds: number
}

/** @throws FacekitError */
export async function cluster(
  options: ClusterOptions,
  talk: Talk,
  signal?: AbortSignal,
): Promise<ClusterSummary> {
  const startMs = Date.now()
  const search = await orStopped(chooseSearch(options.engine, options.device), signal)
  // Nothing is created for an input that is not there.
  const { input } = options
  if (typeof input === 'string') await settleInput(input, talk)
  const given = typeof input === 'string' ? await orStopped(openFileSet(input), signal) : input
  const pending = await openLabels(options.output, options.saveGroups)
  sayLeftover(pending, talk)
  try {
    const set =
      given instanceof Readable ? await spoolArrow(given, pending.scratchPath('spool'), talk, signal) : given
    const summary = await clusterFileSet(set, options, search, pending, talk, signal)
    return {
      ...summary,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      seconds: (Date.now() - startMs) / 1000,
    }
  } finally {
    await pending.discard()
  }
}

async function clusterFileSet(
  set: FileSet,
  options: ClusterOptions,
  search: ChosenSearch,
  pending: PendingFiles,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<Omit<ClusterSummary, 'peakMemoryBytes' | 'seconds'>> {
  const { clusterThresh, removeDuplicates, topK } = options
  const duplicateThreshold = removeDuplicates ? options.duplicateThresh : undefined
  const { rows, dim } = set
  talk.info(`${grouped(rows)} embeddings of ${dim} numbers; search: ${search.reason}`)

  const memory = shareMemory(options.memoryLimit, { rows, dim, threads: options.threads })
  if (memory.threads < options.threads)
    talk.warn(
      `Searching with ${memory.threads} of ${options.threads} threads: --memory-limit has no room for more`,
    )
  const gallery = new Gallery(rows, dim, {
    rowFiles: rowFilesOf(set),
    memoryBytes: memory.gallery,
    scratchFolder: pending.folder,
  })
  await flow(readEmbeddings(set), [], gatherGallery(gallery), signal)
  const unusable = gallery.unusableRows()
  if (unusable.length > 0) {
    talk.warn(
      `Left out ${grouped(unusable.length)} embeddings with NaN or infinite values, the first in row ${unusable[0]}`,
    )
  }

  const { count: zeros, first } = gallery.zeroRows
  if (zeros > 0) {
    talk.warn(
      `${grouped(zeros)} embeddings hold nothing but zeros, the first in row ${first}: they are similar to none`,
    )
  }

  const progress = new Progress('search', 'pairs')
  let edges = 0
  let gpus = 0
  const labels = writeLabels({
    output: pending,
    paths: () => pathsOf(set),
    arrays: npyLabelArrays,
    previews: {
      groups: options.saveGroups,
      decode: (path) => decodeImage(path, { width: 112, height: 112, maxDecodeBytes: memory.preview }),
    },
    removedDuplicates: removeDuplicates,
  })
  await flow(
    searchNeighbors(gallery, {
      engine: search.engine,
      devices: search.devices,
      mayFallBack: search.mayFallBack,
      topK,
      // One search serves both steps.
      threshold: Math.min(clusterThresh, duplicateThreshold ?? clusterThresh),
      threads: memory.threads,
      memoryBytes: memory.neighbors,
      scratchFolder: pending.folder,
      onProgress(pairsDone, pairs) {
        progress.count = pairsDone
        progress.total = pairs
        talk.progress(progress)
      },
      onWarning: (text) => talk.warn(text),
      onScreen: (screen) =>
        talk.info(
          `Screening by ${screen.components} of ${screen.dim} components${screen.rotated ? " along the embeddings' own axes" : ''}, in codes of ±${screen.maxCode}`,
        ),
      onSharded(devices) {
        gpus = devices
        talk.info(`Sharded index across ${devices} GPU(s)`)
      },
    }),
    [
      tap((batch: EdgeBatch) => {
        edges += batch.source.length
        progress.note = `${grouped(edges)} edges`
      }),
      clusterEdges({
        rows,
        duplicateThreshold,
        clusterThreshold: clusterThresh,
        excluded: unusable,
        memoryBytes: memory.edges,
        spillFile: pending.scratchPath('edges'),
      }),
    ],
    labels,
    signal,
    () => labels.isCommitted,
  )
  sayCommitted(labels.result, talk)
  const { failedPreviews, previewsGivenUp } = labels.result
  if (failedPreviews > 0) {
    talk.warn(
      `Left out of the previews: ${grouped(failedPreviews)} images that cannot be read, or not in a quarter of --memory-limit`,
    )
  }
  if (previewsGivenUp !== undefined)
    talk.warn(`Wrote no previews, since one could not be written: ${previewsGivenUp}`)
  return { images: rows, unusable: unusable.length, ...labels.result, edges, engine: search.engine, gpus }
}

/** Whoever has read all paths may trust that they belong to the embeddings that were searched. */
async function* pathsOf(set: FileSet): AsyncGenerator<PathBatch> {
  yield* readPaths(set) as AsyncIterable<PathBatch>
  await checkUnchanged(set)
}
