import { settleOutput, type Committed, type PendingFiles } from '@facekit/core'
import type { Talk } from './talk.js'

/** Names in a line. */
const MOST_LISTED = 12

/** What a killed run had left in an output folder is gone, or finished. */
export function sayLeftover({ output, leftover }: PendingFiles, talk: Talk): void {
  if (leftover === 'removed') talk.warn(`Removed what a killed run left in ${output}`)
  if (leftover === 'finished') sayFinished(output, talk)
}

/**
 * How to go on with a run that ended before its end, if it can be gone on with.
 *
 * @param error that ended it: what refuses the run says itself what to do
 */
export function sayKept({ output, isResumable }: PendingFiles, error: unknown, talk: Talk): void {
  const { code } = (error ?? {}) as { code?: unknown }
  if (isResumable && code !== 'RUN_DAMAGED' && code !== 'OPTION')
    talk.warn(
      `What is done is recorded in ${output}: the same command with --resume goes on, with --no-resume it begins anew`,
    )
}

/** Makes sure that a folder that is read holds one set of files; see `settleOutput`. */
export async function settleInput(folder: string, talk: Talk): Promise<void> {
  if (await settleOutput(folder)) sayFinished(folder, talk)
}

function sayFinished(folder: string, talk: Talk): void {
  talk.warn(`Finished what a killed run had begun: its files are in their places in ${folder}`)
}

/** What a commit did beside bringing the files. */
export function sayCommitted({ removed, kept }: Committed, talk: Talk): void {
  if (removed.length > 0) talk.warn(`Removed ${removed.length} files of an earlier run: ${listed(removed)}`)
  if (kept.length > 0) talk.warn(`Put aside what came in the way meanwhile: ${kept.join(', ')}`)
}

/**
 * What a run would do that is not dry.
 *
 * @param files it would write
 * @param earlier it would replace or remove
 */
export function sayPlanned(
  output: string,
  files: readonly string[],
  earlier: readonly string[],
  talk: Talk,
): void {
  const replaced = earlier.length > 0 ? `, in the place of ${listedByKind(earlier)} of an earlier one` : ''
  talk.info(`A run without --dry-run writes ${listedByKind(files)} to ${output}${replaced}`)
}

/** Folders of previews are many, and told by their number. */
function listedByKind(names: readonly string[]): string {
  const files = names.filter((name) => name.includes('.'))
  const folders = names.length - files.length
  return listed(files) + (folders > 0 ? ` and folders of previews (${folders})` : '')
}

/** Names in a line, as far as it holds them. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_LISTED
  return names.slice(0, MOST_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
