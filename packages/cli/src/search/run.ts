import { availableParallelism } from 'node:os'
import { checkPartFits, OptionError, PendingFiles, sayPart, type Part } from '@facekit/core'
import type { DeviceWish } from '@facekit/devices'
import type { ENGINES } from '@facekit/index-faiss'
import { openFileSet } from '@facekit/io-npy'
import { SEARCH_DEFAULTS, withDefaults } from '../defaults.js'
import { modelOf } from '../embedding-model.js'
import { orStopped } from '../interruption.js'
import { defaultMemoryLimit } from '../memory.js'
import { grouped } from '../progress.js'
import { sayKept, sayLeftover, settleInput } from '../said-of-output.js'
import { SILENT, type Talk } from '../talk.js'
import { chooseSearch } from './choose-search.js'
import { searchEdges, type SearchWish } from './search-edges.js'

/** What `search` is asked for. What has a default may be left out. */
export interface SearchOptions extends SearchWish {
  /** Folder with NPY file sets. */
  input: string
  /** Folder for the edges. */
  output: string
  /** Cosine at or above which pairs are edges; 0.5 if left out. */
  floor?: number | undefined
  /** `auto` if left out; all give the same edges. */
  engine?: (typeof ENGINES)[number] | undefined
  /** What to search on; `{ provider: 'auto' }` if left out. */
  device?: DeviceWish | undefined
  /** Which part of the pairs is searched; all if left out. */
  part?: Part | undefined
}

/** What `search` found. */
export interface SearchSummary {
  /** Embeddings read. */
  images: number
  /** Embeddings with NaN or infinite values: no edge touches them. */
  unusable: number
  /** Of a part, those that may be edges of the whole. */
  edges: number
  /** Cosine at or above which pairs are edges, as float32. */
  floor: number
  engine: string
  /** GPUs that held the gallery; 0 for the CPU. */
  gpus: number
  /** The most memory that the program held at once, as the system counts it. */
  peakMemoryBytes: number
  /** Names of the files in the output folder. */
  files: string[]
  removed: string[]
  seconds: number
}

/**
 * Searches the embeddings of a folder for all pairs that are similar enough, and stores them.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError; the reason of the signal
 */
export async function search(
  given: SearchOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<SearchSummary> {
  const startMs = Date.now()
  const options = withDefaults(given, {
    ...SEARCH_DEFAULTS,
    threads: availableParallelism(),
    memoryLimit: defaultMemoryLimit(),
  })
  const { part } = options
  if (part && options.engine === 'faiss')
    throw new OptionError('Expected --engine screened or tiles for --part but received faiss')
  if (part) await checkPartFits(options.output, part)
  const chosen = await orStopped(chooseSearch(options.engine, options.device), signal)
  await settleInput(options.input, talk)
  const set = await orStopped(openFileSet(options.input), signal)
  await modelOf(set, talk)
  const pending = await PendingFiles.in(options.output, 'edges', {
    resume: options.resume,
    part,
    ...(part && { onBusy: (error) => talk.warn(`Waiting: ${error.message}`) }),
    signal,
  })
  sayLeftover(pending, talk)
  try {
    const what = part ? `; part ${sayPart(part)} of their pairs` : ''
    talk.info(`${grouped(set.rows)} embeddings of ${set.dim} numbers${what}; search: ${chosen.reason}`)
    const { edges, survey, gpus, files, removed } = await searchEdges(
      set,
      options,
      chosen,
      pending,
      talk,
      signal,
    )
    return {
      images: set.rows,
      unusable: survey.unusable.length,
      edges,
      floor: Math.fround(options.floor),
      engine: chosen.engine,
      gpus,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      files,
      removed,
      seconds: (Date.now() - startMs) / 1000,
    }
  } catch (error) {
    sayKept(pending, error, talk)
    throw error
  } finally {
    await pending.discard()
  }
}
