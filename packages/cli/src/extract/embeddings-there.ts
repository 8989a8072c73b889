import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FacekitError, filesMadeIn, readEmbeddingRuns, type EmbeddingRun } from '@facekit/core'
import { openFileSet } from '@facekit/io-npy'
import { grouped } from '../progress.js'

/**
 * What embeddings of facekit's are in a folder, in a phrase for people. What cannot be read is left out: it may be what is
 * to be replaced.
 *
 * @returns undefined where there are none
 */
export async function describeEmbeddingsIn(folder: string): Promise<string | undefined> {
  const names = (await filesMadeIn(folder, 'embeddings')).filter(
    (name) => name.endsWith('.npy') && existsSync(join(folder, name)),
  )
  if (names.length === 0) return undefined
  const set = await openFileSet(folder).catch(() => undefined)
  const what = set
    ? `${grouped(set.rows)} embeddings of ${set.dim} numbers`
    : `${names.length} files of embeddings, which are no whole set,`
  const made = await readEmbeddingRuns(folder).catch(() => undefined)
  return made ? `${what}, ${describeRuns(made.runs)},` : what
}

function describeRuns(runs: readonly EmbeddingRun[]): string {
  const { startedAt } = runs.at(-1)!
  const others = runs.length - 1
  const more = others === 0 ? '' : ` and ${others} other ${others === 1 ? 'input' : 'inputs'}`
  return `of ${sayInput(runs[0]!)}${more}, made ${startedAt.replace('T', ' ').replace(/:\d\d\.\d+Z$/, ' UTC')}`
}

function sayInput({ input }: EmbeddingRun): string {
  return input === '-' ? 'a list on stdin' : input
}

/** @param differences from the run that made them, where that is the question */
export function embeddingsExist(
  folder: string,
  there: string,
  differences: readonly string[] = [],
): FacekitError {
  const other = differences.length > 0 ? `, of another run: ${differences.join('; ')}` : ''
  return new FacekitError(
    'EMBEDDINGS_EXIST',
    `Expected no embeddings in ${folder} but ${there} are there${other}. Give --append to add to them, --overwrite to replace them, or choose another folder.`,
  )
}
