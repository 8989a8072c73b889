import {
  FacekitError,
  identityDifferences,
  partsIn,
  PendingFiles,
  readEmbeddingRuns,
  sayPart,
  WriterStream,
  type Part,
} from '@facekit/core'
import { openFileSet } from '@facekit/io-npy'
import { grouped } from '../progress.js'
import { sayCommitted, sayLeftover } from '../said-of-output.js'
import type { Talk } from '../talk.js'
import { withoutAppending } from './appending.js'
import { CountedRuns } from './counted-runs.js'
import { countFailures, failedAgain } from './failed-again.js'
import { MergedSet } from './merged-set.js'
import { nothingToDo, shardSetOptions, type ExtractOutput, type FolderOutputOptions } from './output.js'
import { listFolderOf, withoutInput } from './run-identity.js'

/**
 * The embeddings of an earlier run, into which those are merged of images that had failed and do not fail any more.
 *
 * @throws FacekitError `RETRY_UNKNOWN` where it is not known what made them, `FAILED_LIST`, `RUN_UNFINISHED`
 */
export async function retryOutput(
  folder: string,
  options: FolderOutputOptions,
  talk: Talk,
): Promise<ExtractOutput> {
  const [part] = await partsIn(folder)
  if (part) throw ofParts(folder, part)
  const pending = await PendingFiles.in(folder, 'embeddings', { resume: options.resume })
  sayLeftover(pending, talk)
  try {
    const earlier = pending.earlierIdentity
    if (!earlier) throw unknownRun(folder)
    const { rest, read, folder: meantFrom } = withoutInput(earlier)
    if (meantFrom !== undefined && meantFrom !== process.cwd())
      throw differentRun(folder, [`the working directory was ${meantFrom} and is ${process.cwd()}`])
    const set = await openFileSet(folder)
    const count = await countFailures(folder)
    talk.info(count > 0 ? `Trying again ${grouped(count)} images that failed` : `Nothing failed in ${folder}`)
    const made = await readEmbeddingRuns(folder)
    const runs = made && new CountedRuns(made.runs)
    return {
      read,
      async begin({ dim, normalized }, identity, { batchSize }) {
        const differences = identityDifferences(...withoutAppending(rest, identity))
        if (differences.length > 0) throw differentRun(folder, differences)
        pending.identify(earlier)
        if (count === 0) return nothingToDo(pending, { images: set.rows, failed: 0 })
        const merged = new MergedSet(pending, set, runs, shardSetOptions(options, dim, normalized))
        return {
          resumed: { images: set.rows, failed: 0 },
          source: failedAgain(folder, batchSize, (index) => listFolderOf(runs?.of(index) ?? read)),
          total: set.rows + count,
          listStages: [],
          stages: [],
          sink: new WriterStream(merged),
          isCommitted: () => merged.result !== undefined,
          async finish() {
            const { files, ...committed } = merged.result!
            sayCommitted(committed, talk)
            return files
          },
        }
      },
      close: async () => pending.discard(),
    }
  } catch (error) {
    await pending.discard()
    throw error
  }
}

function ofParts(folder: string, part: Part): FacekitError {
  return new FacekitError(
    'RETRY_UNKNOWN',
    `Expected a whole set in ${folder} for --retry-failed but it is one of ${part.of} parts. Make those parts anew of which images failed: --part ${sayPart(part)} --no-resume, and so on.`,
  )
}

function unknownRun(folder: string): FacekitError {
  return new FacekitError(
    'RETRY_UNKNOWN',
    `Expected embeddings in ${folder} and in its .facekit.json what made them but that is not said there: an older facekit made them, or there are none. Run extract anew, without --retry-failed.`,
  )
}

function differentRun(folder: string, differences: readonly string[]): FacekitError {
  return new FacekitError(
    'RETRY_DIFFERS',
    `Expected to try again with what made the embeddings in ${folder} but ${differences.join('; ')}: they would mix. Give what they were made with.`,
  )
}
