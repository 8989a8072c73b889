import { readdir } from 'node:fs/promises'
import {
  checkPartFits,
  checkPartsAgree,
  FacekitError,
  filesMadeIn,
  finishedPart,
  OptionError,
  PendingFiles,
  sayPart,
  type Part,
} from '@facekit/core'
import { namesOfShards } from '@facekit/io-npy'
import { checkInput, readWrittenList } from '@facekit/preprocess'
import { grouped } from '../progress.js'
import { sayKept, sayLeftover } from '../said-of-output.js'
import type { Talk } from '../talk.js'
import {
  flowInto,
  nothingToDo,
  shardSetOptions,
  type ExtractOutput,
  type FolderOutputOptions,
} from './output.js'
import { RecordedSet } from './recorded-set.js'
import { sharedList } from './shared-list.js'

/**
 * A part of a set in a folder: the embeddings of a share of the list, in shards whose numbers are known before, and a receipt
 * that says that they are there.
 */
export async function partOutput(
  folder: string,
  part: Part,
  options: FolderOutputOptions,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<ExtractOutput> {
  await checkInput(options.input, options.listColumn)
  await checkPartFits(folder, part)
  if (await holdsWholeSet(folder)) throw wholeSet(folder)
  const list = await sharedList(folder, options, talk, signal)
  const pending = await PendingFiles.in(folder, 'embeddings', {
    resume: options.resume,
    part,
    onBusy: (error) => talk.warn(`Waiting: ${error.message}`),
    signal,
  })
  sayLeftover(pending, talk)
  let set: RecordedSet | undefined
  return {
    async begin({ dim, normalized }, rest, run) {
      const of = { 'the list': list.sha256, ...rest }
      await checkPartsAgree(folder, 'embeddings', part, of, !options.resume)
      const finished = options.resume ? await finishedPart(folder, 'embeddings', part, of) : undefined
      if (finished) {
        talk.info(`Part ${sayPart(part)} is there already`)
        const { images = 0, failed = 0 } = finished.counts
        return nothingToDo(pending, { images, failed })
      }
      const { splitThreshold, ...shardOptions } = shardSetOptions(options, dim, normalized)
      const share = shareOfPart(part, list.entries, run.batchSize, splitThreshold)
      const entries = share.end - share.first
      await pending.checkRoomFor(namesOfShards(share, normalized))
      const checkpoints = pending.checkpoints({ ...of, '--part': sayPart(part) })
      const opened = (set = await RecordedSet.open(
        pending,
        checkpoints,
        { ...shardOptions, splitThreshold, place: share, run, part: { part, of, entries } },
        (images) => talk.info(`Going on after ${grouped(images)} images, once their files are checked`),
      ))
      talk.info(`Part ${sayPart(part)}: ${grouped(entries)} of ${grouped(list.entries)} images`)
      const source = readWrittenList(list, { ...share, batchSize: run.batchSize })
      return { ...flowInto(opened, talk), source, total: entries }
    },
    async close(error) {
      await pending.discard()
      if (set) sayKept(pending, error, talk)
    },
  }
}

/** What a part embeds, and the shards that it fills. */
interface Share {
  /** Entries of the list, the end excluded. */
  first: number
  end: number
  firstShard: number
  shards: number
}

/**
 * Whole batches, so that images are in the same forward passes as in a run over all of the list; and as many shards for each
 * part, so that their numbers depend on nothing that others find.
 */
export function shareOfPart(
  { number, of }: Part,
  entries: number,
  batchSize: number,
  rowsPerShard: number,
): Share {
  const batches = Math.ceil(entries / batchSize)
  const [first, end] = [number, number + 1].map((at) =>
    Math.min(entries, batchSize * Math.floor((at * batches) / of)),
  )
  const most = Math.min(entries, batchSize * Math.ceil(batches / of))
  const shards = Math.max(1, Math.ceil(most / rowsPerShard))
  return { first: first!, end: end!, firstShard: number * shards, shards }
}

/** By its record or, where others than facekit made it, by its name: shards of parts are numbered. */
async function holdsWholeSet(folder: string): Promise<boolean> {
  if ((await filesMadeIn(folder, 'embeddings')).length > 0) return true
  const names = await readdir(folder).catch(() => [])
  return names.some((name) => name.startsWith('final_'))
}

/** @throws OptionError for what a part cannot be combined with */
export function checkPartOptions(
  output: unknown,
  {
    retryFailed,
    append,
    overwrite,
  }: { retryFailed?: boolean | undefined } & Pick<FolderOutputOptions, 'append' | 'overwrite'>,
): asserts output is string {
  if (typeof output !== 'string')
    throw new OptionError('Expected --output for --part: the folder that all parts share')
  if (retryFailed)
    throw new OptionError('Expected --part or --retry-failed, not both: make the part anew with --no-resume')
  if (append) throw new OptionError('Expected --part or --append, not both: parts are a set of their own')
  if (overwrite)
    throw new OptionError('Expected --part or --overwrite, not both: without --resume a part is made anew')
}

function wholeSet(folder: string): FacekitError {
  return new FacekitError(
    'OUTPUT_EXISTS',
    `Expected a folder for parts at ${folder} but a whole set is there. Choose another folder, or remove it.`,
  )
}
