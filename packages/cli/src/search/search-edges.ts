import {
  checkPartsAgree,
  OptionError,
  sayPart,
  type EdgeBatch,
  type EmbeddingBatch,
  type Part,
  type PendingFiles,
} from '@facekit/core'
import { EmbeddingsFingerprint, identityOf, shortestDecimal, writeEdges } from '@facekit/edges'
import {
  filesOfProgress,
  Gallery,
  gatherGallery,
  pairsInRegion,
  regionOfPart,
  searchNeighbors,
} from '@facekit/index-faiss'
import { checkUnchanged, readEmbeddings, rowFilesOf, type FileSet } from '@facekit/io-npy'
import type { Filled } from '../defaults.js'
import { atEnd, flow, tap } from '../flow.js'
import { shareMemory } from '../memory.js'
import { grouped, Progress } from '../progress.js'
import { sayCommitted } from '../said-of-output.js'
import type { Talk } from '../talk.js'
import type { ChosenSearch } from './choose-search.js'
import { buildOn, findEarlierEdges } from './earlier-edges.js'
import { finishedEdges } from './finished-edges.js'
import { sayOfRows, type Survey } from './survey.js'

/** Of a search, wherever it is part of. */
export interface SearchWish {
  /** Neighbors per row, the row itself counted, `Infinity` for all; 100 if left out. */
  topK?: number | undefined
  /** Bytes that may be taken beside the program itself; half of the memory if left out. */
  memoryLimit?: number | undefined
  /** Cores that the search may use; all if left out. */
  threads?: number | undefined
  /** Whether to go on with an unfinished search in the output folder, or to drop it; refused if left out. */
  resume?: boolean | undefined
}

export interface SearchEdgesOptions extends Filled<
  SearchWish,
  Record<'topK' | 'memoryLimit' | 'threads', number>
> {
  /** Cosine at or above which pairs are edges. */
  floor: number
  /** Which part of the pairs is searched; all if undefined. */
  part?: Part | undefined
  /** Whether edges below the floor stay where they are known, from an earlier search that went lower. */
  keepLower?: boolean | undefined
  /** Of how many first rows the survey tells the fingerprint, beside that of all. */
  firsts?: readonly number[] | undefined
}

export interface SearchedEdges {
  /** How many there are; of a part, those that may be edges of the whole. */
  edges: number
  survey: Survey
  /** GPUs that held the gallery; 0 for the CPU. */
  gpus: number
  /** Names of the files in the folder of the edges. */
  files: string[]
  removed: string[]
}

/**
 * Searches all pairs of embeddings, or a part of them, and stores the edges. Where edges of the first embeddings are there
 * already, in the folder, only the pairs of those that were added are searched. A search that dies is gone on with where
 * its progress was recorded.
 *
 * @param pending of edges; it is committed
 * @throws FacekitError
 */
export async function searchEdges(
  set: FileSet,
  options: SearchEdgesOptions,
  search: ChosenSearch,
  pending: PendingFiles,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<SearchedEdges> {
  const { rows, dim } = set
  const { topK, memoryLimit, threads, resume, part, firsts = [] } = options
  const memory = shareMemory(memoryLimit, { rows, dim, threads })
  if (memory.threads < threads)
    talk.warn(`Searching with ${memory.threads} of ${threads} threads: --memory-limit has no room for more`)
  const earlier = part ? undefined : await findEarlierEdges(pending.output, set, options, search.engine, talk)
  // Before the gallery, which may leave its own there.
  await pending.removeAllBut(filesOfProgress(pending.folder, pending.recorded))
  const gallery = new Gallery(rows, dim, {
    rowFiles: rowFilesOf(set),
    memoryBytes: memory.gallery,
    scratchFolder: pending.folder,
  })
  const wanted = earlier ? [...firsts, earlier.rows] : firsts
  const hash = new EmbeddingsFingerprint(wanted.map((first) => first * dim))
  const hashed = tap(({ embeddings }: EmbeddingBatch) => hash.add(embeddings))
  await ofSet(set, flow(readEmbeddings(set), [hashed], gatherGallery(gallery), signal), signal)
  const survey = {
    fingerprint: hash.finish(),
    fingerprintOf: (first: number) => hash.of(first * dim),
    unusable: gallery.survey.unusableRows(),
  }
  sayOfRows(gallery.survey, survey.unusable, talk)

  const lowest = options.keepLower ? Math.min(options.floor, earlier?.floor ?? 1) : options.floor
  const built =
    earlier && (await buildOn(earlier, survey.fingerprintOf(earlier.rows), set, lowest, talk, signal))
  const floor = built ? lowest : options.floor
  const { fingerprint } = survey
  const info = { rows, dim, floor: Math.fround(floor), topK, fingerprint, unusable: survey.unusable.length }
  const identity = {
    'the embeddings': fingerprint,
    'their number and dim': `${rows} × ${dim}`,
    'the floor': shortestDecimal(info.floor),
    '--topK': topK === Infinity ? 'all' : topK,
    ...(part && { '--part': sayPart(part) }),
  }
  const building = { ...identity, ...(built && { 'embeddings searched before': earlier.rows }) }
  if (part) await checkPartsAgree(pending.output, 'edges', part, identityOf(info), !resume)
  const finished = resume ? await finishedEdges(pending, identity, info, part) : undefined
  if (finished) return { ...finished, survey, gpus: 0, removed: [] }
  const checkpoints = pending.checkpoints(building)
  // How edges came about is nothing that they are of.
  pending.identify(identity)
  if (checkpoints.resumed !== undefined && search.engine === 'faiss')
    throw new OptionError('Expected --engine screened or tiles to go on with a search but received faiss')
  if (checkpoints.resumed !== undefined) talk.info(`Going on with the unfinished search in ${pending.output}`)

  let progress: Progress | undefined
  let gpus = 0
  let found = 0
  const region = part && regionOfPart(rows, part)
  const writer = writeEdges({
    output: pending,
    ...info,
    ...(part && region && { part: { ...part, pairs: pairsInRegion(region) } }),
  })
  const searching = flow(
    searchNeighbors(gallery, {
      engine: search.engine,
      devices: search.devices,
      mayFallBack: search.mayFallBack,
      topK,
      threshold: floor,
      ...(region && { region }),
      ...built,
      threads: memory.threads,
      memoryBytes: memory.pairs,
      scratchFolder: pending.folder,
      checkpoints,
      onProgress(pairsDone, pairs) {
        // What was done before says nothing of the rate.
        progress ??= new Progress('search', 'pairs', pairsDone)
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
        found += batch.source.length
        if (!progress) return
        progress.note = `${grouped(found)} edges`
        talk.progress(progress)
      }),
      // The embeddings that were searched, and not some that took their place.
      atEnd(async () => checkUnchanged(set)),
    ],
    writer,
    signal,
    () => writer.isCommitted,
  )
  await ofSet(set, searching, signal)
  const { edges, files, removed } = writer.result
  sayCommitted(writer.result, talk)
  return { edges, survey, gpus, files, removed }
}

/** What fails since another set took the place of one that is read is told as that. */
async function ofSet<T>(set: FileSet, work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return work.catch(async (error: unknown) => {
    if (!signal?.aborted) await checkUnchanged(set)
    throw error
  })
}
