import { join } from 'node:path'
import {
  EMBEDDING_RUNS_NAME,
  FacekitError,
  hashFile,
  modelDifferences,
  partsIn,
  readEmbeddingRuns,
  type EmbeddingRun,
  type RunIdentity,
} from '@facekit/core'
import { openFileSet, type FileSet } from '@facekit/io-npy'
import { countFailures } from './failed-again.js'
import { workingFolderOf, withWorkingFolder } from './run-identity.js'
import type { RunStart } from './run-start.js'

/** Embeddings of earlier inputs, to which those of another are appended. */
export interface EarlierSet {
  set: FileSet
  /** What made them; one at least. */
  runs: readonly EmbeddingRun[]
  /** Images of all their inputs: the index of the next one. */
  images: number
  /** What the last run was of. */
  identity: RunIdentity
  /** Another one for each set. */
  mark: string
}

/**
 * Opens the embeddings in a folder to append to them.
 *
 * @param identity that is recorded for them, if one is
 * @throws FacekitError `APPEND_UNKNOWN` where it is not known what made them; what `openFileSet` throws
 */
export async function openEarlierSet(folder: string, identity: RunIdentity | undefined): Promise<EarlierSet> {
  const made = await readEmbeddingRuns(folder)
  if (!made || !identity)
    throw unknownOrigin(folder, 'what made them is not recorded: an older facekit made them')
  const set = await openFileSet(folder)
  const { runs } = made
  const images = runs.reduce((sum, run) => sum + run.images, 0)
  const found = set.rows + (await countFailures(folder))
  if (found !== images)
    throw unknownOrigin(folder, `${EMBEDDING_RUNS_NAME} says ${images} images and ${found} are there`)
  const mark = (await hashFile(join(folder, EMBEDDING_RUNS_NAME))).hash.digest('hex')
  return { set, runs, images, identity, mark }
}

/** @throws FacekitError `APPEND_UNKNOWN` for a set that is made in parts */
export async function expectNoParts(folder: string): Promise<void> {
  const [part] = await partsIn(folder)
  if (!part) return
  throw new FacekitError(
    'APPEND_UNKNOWN',
    `Expected embeddings in ${folder} that can be appended to but they are made in ${part.of} parts, which are a set of their own. Choose another folder.`,
  )
}

/** Names in the identity of a run that say what it appends to. */
const APPENDS = { append: '--append', to: 'the embeddings before' } as const

/** The identity of a run that appends. */
export function appendingIdentity(identity: RunIdentity, earlier: EarlierSet): RunIdentity {
  return {
    ...withWorkingFolder(identity, workingFolderOf(earlier.identity)),
    [APPENDS.append]: true,
    [APPENDS.to]: earlier.mark,
  }
}

/** Two identities as of runs that append to nothing, to compare them: the recorded one, and that of a run to come. */
export function withoutAppending(recorded: RunIdentity, now: RunIdentity): [RunIdentity, RunIdentity] {
  const { [APPENDS.append]: append, [APPENDS.to]: _to, ...rest } = recorded
  // It may have that folder of what it appended to.
  const isCarried = append === true && workingFolderOf(now) === undefined
  return [rest, isCarried ? withWorkingFolder(now, workingFolderOf(recorded)) : now]
}

/**
 * Checks that embeddings of a run belong to those that are there.
 *
 * @throws FacekitError `APPEND_DIFFERS` that names all that differs
 */
export function checkAppends(
  folder: string,
  earlier: EarlierSet,
  run: RunStart,
  identity: RunIdentity,
): void {
  const [before, now] = [workingFolderOf(earlier.identity), workingFolderOf(identity)]
  const differences = [
    ...modelDifferences(earlier.runs.at(-1)!, run),
    // Paths of both would be meant from one of them.
    ...(before !== undefined && now !== undefined && before !== now
      ? [`the working directory was ${before} and is ${now}`]
      : []),
  ]
  if (differences.length === 0) return
  throw new FacekitError(
    'APPEND_DIFFERS',
    `Expected to append with what made the embeddings in ${folder} but ${differences.join('; ')}: they would mix. Give what they were made with, or choose another folder.`,
  )
}

/** Where last digits of the embeddings of one image may be others than before, in a phrase; undefined where not. */
export function lastDigitsDiffer(
  { runs }: EarlierSet,
  { provider, batchSize }: RunStart,
): string | undefined {
  const before = runs.at(-1)!
  if (before.provider === provider && before.batchSize === batchSize) return undefined
  const say = (run: { provider: string; batchSize: number }) =>
    `${run.provider}, ${run.batchSize} images at once`
  return `${say(before)} before, and now ${say({ provider, batchSize })}`
}

function unknownOrigin(folder: string, why: string): FacekitError {
  return new FacekitError(
    'APPEND_UNKNOWN',
    `Expected embeddings in ${folder} that can be appended to but ${why}. Choose another folder, or replace them: --overwrite.`,
  )
}
