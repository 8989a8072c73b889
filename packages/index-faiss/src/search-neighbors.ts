import { randomUUID } from 'node:crypto'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  NO_CHECKPOINTS,
  batchSource,
  checkCosine,
  checkOneOf,
  checkPositiveInteger,
  FacekitError,
  OptionError,
  type Checkpoints,
  type Device,
  type EdgeBatch,
  type SourceOf,
} from '@facekit/core'
import type { Engine } from './choose-engine.js'
import { searchStopped } from './errors.js'
import { searchFaiss } from './faiss/search-faiss.js'
import type { Gallery } from './gallery/gallery.js'
import type { Region } from './plan/pairs.js'
import { searchTiles, type ScreenInfo } from './search-tiles.js'

/** Which pairs are edges, and how they are found. */
export interface SearchOptions {
  /** `screened` if left out. All give the same edges. */
  engine?: Engine
  /** Cosine at or above which two rows are an edge. */
  threshold: number
  /**
   * Neighbors per row, the row itself counted; an edge exists if either end has the other among its topK. `Infinity`
   * keeps every pair.
   */
  topK: number
  /**
   * Which pairs are searched, as `regionOfPart` or `regionOfAdded` gives it; all if left out. What comes are the edges among
   * them: lists are taken within the region, and those of all regions together hold the edges of the whole. Not with FAISS.
   */
  region?: Region
  /**
   * Edges of an earlier search of all other pairs, at or above `threshold`, of the same topK or a larger one: what comes
   * then are the edges of all pairs. A search that is gone on with has them from its checkpoints.
   */
  known?: AsyncIterable<EdgeBatch>
  /** Threads of the search; the cores of the machine if left out. FAISS follows OMP_NUM_THREADS instead. */
  threads?: number
  /** What may be taken for pairs until the end; beyond it they go into files. */
  memoryBytes?: number
  /** Where to make a folder for these; the system's folder for such files if left out. */
  scratchFolder?: string
  /**
   * Records how far the search is, so that it can be gone on with; then files of pairs are right in `scratchFolder`, which
   * is for this search alone. FAISS records nothing.
   */
  checkpoints?: Checkpoints
  /** Called as pairs of rows are decided. */
  onProgress?: (pairsDone: number, pairs: number) => void
  /** Called with one line when the search has to go another way than it was asked to. */
  onWarning?: (text: string) => void
  /** Called when it is known how rows are screened: not for other engines, nor where everything is computed in float32. */
  onScreen?: (screen: ScreenInfo) => void
  /**
   * GPUs to search on, all of one provider, for the engine `screened`: each entry holds a shard of the gallery, and one
   * device may stand there several times. The CPU if left out. The result is the same.
   */
  devices?: readonly Device[]
  /**
   * Whether the CPU takes over, with a warning, where devices cannot take the gallery. It is an error if left out. Where
   * the bounds of 8-bit codes rule out too little for devices to be of use, the CPU takes over in any case.
   */
  mayFallBack?: boolean
  /** Called when devices hold the whole gallery, with their number. */
  onSharded?: (devices: number) => void
}

/** Enough for 5 million pairs. */
const DEFAULT_PAIR_BYTES = 2 ** 28

/**
 * All pairs of rows at or above a threshold, by exact search, as `EdgeBatch`es, when all are found: each pair once,
 * ascending by (source, target). All engines give the same edges: ties at the end of a topK list go to the smaller row, and every cosine is computed in the same way
 * whatever found it.
 *
 * @param gallery all of its rows added
 * @returns it fails with SearchError `SEARCH`, with `DEVICE` where devices cannot take the gallery,
 *   and with FacekitError `FILE_CUT` where a file is changed during the search, `THREAD` where a thread of it ends
 * @throws OptionError; SearchError `GALLERY_SHAPE` if rows are missing
 */
export function searchNeighbors(gallery: Gallery, options: SearchOptions): SourceOf<EdgeBatch> {
  const { topK, scratchFolder = tmpdir() } = options
  const engine = checkOneOf('engine', options.engine ?? 'screened', ['screened', 'tiles', 'faiss'])
  const { onProgress = () => {}, onWarning = () => {}, onScreen = () => {}, onSharded = () => {} } = options
  if (options.region && engine === 'faiss')
    throw new OptionError('Expected the engine screened or tiles for a region but received faiss')
  const devices = (options.devices ?? []).filter(({ provider }) => provider !== 'cpu')
  if (devices.length > 0 && engine !== 'screened')
    throw new OptionError(`Expected the engine screened on devices but received ${engine}`)
  const providers = new Set(devices.map(({ provider }) => provider))
  if (providers.size > 1)
    throw new OptionError(`Expected devices of one provider but received ${[...providers].join(' and ')}`)
  // Similarities are float32: a threshold of 0.7 must let in the float32 that is nearest to 0.7.
  const threshold = Math.fround(checkCosine('threshold', options.threshold))
  if (topK !== Infinity) checkPositiveInteger('topK', topK)
  const threads = checkPositiveInteger('threads', options.threads ?? availableParallelism())
  const data = gallery.finish()
  const listLength = Math.min(topK, Math.max(1, data.rows)) - 1
  const { checkpoints = NO_CHECKPOINTS } = options
  const pairBytes = options.memoryBytes ?? DEFAULT_PAIR_BYTES
  const pairFolder =
    options.checkpoints && engine !== 'faiss'
      ? scratchFolder
      : join(scratchFolder, `facekit-pairs-${randomUUID()}`)
  const search = (signal: AbortSignal): AsyncGenerator<EdgeBatch> =>
    engine === 'faiss'
      ? searchFaiss(
          { gallery: data, threshold, listLength },
          { memoryBytes: pairBytes, folder: pairFolder },
          onProgress,
          signal,
        )
      : searchTiles(
          data,
          {
            threshold,
            listLength,
            region: options.region,
            known: options.known,
            threads,
            screening: engine === 'screened',
            pairBytes,
            pairFolder,
            checkpoints,
            devices,
            mayFallBack: options.mayFallBack ?? false,
            onProgress,
            onWarning,
            onScreen,
            onSharded,
          },
          signal,
        )
  return batchSource((signal) => stoppedBy(search(signal)))
}

/** What an engine throws without a code of its own is a search that stopped. */
async function* stoppedBy(search: AsyncGenerator<EdgeBatch>): AsyncGenerator<EdgeBatch> {
  try {
    yield* search
  } catch (error) {
    throw error instanceof FacekitError ? error : searchStopped(error)
  }
}
