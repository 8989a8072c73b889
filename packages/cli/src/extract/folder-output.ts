import {
  identityDifferences,
  OptionError,
  PendingFiles,
  readEmbeddingRuns,
  type RunIdentity,
} from '@facekit/core'
import { openFileSet } from '@facekit/io-npy'
import { grouped } from '../progress.js'
import { sayKept, sayLeftover, settleInput } from '../said-of-output.js'
import type { Talk } from '../talk.js'
import {
  appendingIdentity,
  checkAppends,
  expectNoParts,
  lastDigitsDiffer,
  openEarlierSet,
  withoutAppending,
  type EarlierSet,
} from './appending.js'
import { canBeReadAgain } from './count-images.js'
import { describeEmbeddingsIn, embeddingsExist } from './embeddings-there.js'
import { countFailures } from './failed-again.js'
import { endOf } from './list-chain.js'
import {
  flowInto,
  nothingToDo,
  shardSetOptions,
  type ExtractOutput,
  type FolderOutputOptions,
} from './output.js'
import { RecordedSet } from './recorded-set.js'
import { hasListHash, inputIdentity } from './run-identity.js'
import type { RunStart } from './run-start.js'

/**
 * NPY files, `failed.ndjson` and `run.json` in a folder; they appear together. Embeddings that are there stay, unless it is
 * said that others are added to them or take their place.
 *
 * @throws FacekitError `EMBEDDINGS_EXIST`, `APPEND_UNKNOWN`; what `PendingFiles.in` throws
 */
export async function folderOutput(
  folder: string,
  options: FolderOutputOptions,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<ExtractOutput> {
  const { append = false, overwrite = false, resume = false } = options
  if (append && overwrite) throw new OptionError('Expected --append or --overwrite, not both')
  if (append) await expectNoParts(folder)
  // One that goes on had its word, and one that is done already needs none.
  const mustBeFree = !append && !overwrite && !resume
  if (mustBeFree) {
    // Before an unfinished run is dropped.
    await settleInput(folder, talk)
    await expectNone(folder)
  }
  const pending = await PendingFiles.in(folder, 'embeddings', { resume: options.resume })
  sayLeftover(pending, talk)
  let set: RecordedSet | undefined
  try {
    // Another run may have come to its end meanwhile.
    if (mustBeFree) await expectNone(folder)
    const there = await describeEmbeddingsIn(folder)
    const earlier =
      append && there !== undefined ? await openEarlierSet(folder, pending.earlierIdentity) : undefined
    if (append && !earlier) talk.info(`There are no embeddings in ${folder} yet: these are the first`)
    return {
      async begin({ dim, normalized }, rest, run) {
        const ofInput = { ...(await inputIdentity(options, signal)), ...rest }
        if (there !== undefined && pending.leftover !== 'resumed') {
          if (await isThere(pending, ofInput, options, run.batchSize, signal)) {
            talk.info('The embeddings of this run are there already')
            return nothingToDo(pending, await countsOf(folder))
          }
          if (!append && !overwrite)
            throw embeddingsExist(folder, there, differencesFrom(pending.earlierIdentity, ofInput, false))
        }
        if (earlier) checkAppends(folder, earlier, run, ofInput)
        const identity = earlier ? appendingIdentity(ofInput, earlier) : ofInput
        const opened = (set = await RecordedSet.open(
          pending,
          pending.checkpoints(identity),
          { ...shardSetOptions(options, dim, normalized), run, earlier },
          (images) => talk.info(`Going on after ${grouped(images)} images, once their files are checked`),
        ))
        if (earlier) sayAppending(folder, earlier, run, talk)
        return flowInto(opened, talk, () => {
          if (there !== undefined && !earlier) talk.info(`Replaced ${there} that were in ${folder}`)
        })
      },
      async close(error) {
        await pending.discard()
        if (set) sayKept(pending, error, talk)
      },
    }
  } catch (error) {
    await pending.discard()
    throw error
  }
}

async function expectNone(folder: string): Promise<void> {
  const there = await describeEmbeddingsIn(folder)
  if (there !== undefined) throw embeddingsExist(folder, there)
}

/**
 * Whether what a run is to make is there: because that very run was killed when only its files were to be moved, or because
 * it came to its end and is asked for again, to go on.
 */
async function isThere(
  { output, leftover, earlierIdentity }: PendingFiles,
  identity: RunIdentity,
  { input, listColumn, append = false, resume = false }: FolderOutputOptions,
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (!earlierIdentity || differencesFrom(earlierIdentity, identity, append).length > 0) return false
  // One that appends and was killed goes on without a word.
  if (!resume && !(append && leftover === 'finished')) return false
  if (hasListHash(identity)) return true
  // A folder may hold others by now. What comes through a pipe comes once, to be appended.
  if (append && !canBeReadAgain(input)) return false
  const last = (await readEmbeddingRuns(output))?.runs.at(-1)
  return last !== undefined && (await endOf({ input, listColumn }, batchSize, signal)).chain === last.list
}

/** What differs from the run that made what is there. What that appended to is no matter to one that appends. */
function differencesFrom(recorded: RunIdentity | undefined, now: RunIdentity, append: boolean): string[] {
  if (!recorded) return []
  return append ? identityDifferences(...withoutAppending(recorded, now)) : identityDifferences(recorded, now)
}

/** Of the last run into the folder. */
async function countsOf(folder: string): Promise<{ images: number; failed: number }> {
  const last = (await readEmbeddingRuns(folder))?.runs.at(-1)
  if (last) return { images: last.images, failed: last.failed }
  const [{ rows }, failed] = [await openFileSet(folder), await countFailures(folder)]
  return { images: rows + failed, failed }
}

function sayAppending(folder: string, earlier: EarlierSet, run: RunStart, talk: Talk): void {
  const { set, images, runs } = earlier
  talk.info(
    `Appending to ${grouped(set.rows)} embeddings in ${folder}: indices go on from ${grouped(images)}`,
  )
  if (run.input !== '-' && runs.some(({ input }) => input === run.input))
    talk.warn(
      `${run.input} was embedded into ${folder} before: what is still in it is embedded again, and cluster removes it as duplicates`,
    )
  const lastDigits = lastDigitsDiffer(earlier, run)
  if (lastDigits) talk.info(`Last digits of embeddings may differ: ${lastDigits}`)
}
