import { runDamaged } from '@facekit/core'
import { checkPieces, parsePieces, type Piece } from '@facekit/edges'
import { NOTHING_DONE, type Frontier } from './plan/frontier.js'

/** What a search records of itself. */
export interface SearchProgress {
  frontier: Frontier
  pieces: readonly Piece[]
  /** For whoever looks how far it is. */
  pairsDone: number
  pairs: number
}

/**
 * Names of files in the scratch folder that recorded progress speaks of.
 *
 * @param recorded undefined where nothing is
 * @throws FacekitError `RUN_DAMAGED` where it is no progress of a search
 */
export function filesOfProgress(folder: string, recorded: unknown): Set<string> {
  return new Set(parseProgress(folder, recorded).pieces.map(({ name }) => name))
}

/**
 * @param recorded undefined for a search that begins
 * @throws FacekitError `RUN_DAMAGED` where it is no progress of a search of so many rows, or its pieces are not as they were
 */
export async function checkProgress(
  folder: string,
  recorded: unknown,
  rows: number,
): Promise<Pick<SearchProgress, 'frontier' | 'pieces'>> {
  const progress = parseProgress(folder, recorded)
  const { sources, nextSources, targets } = progress.frontier
  if (Math.max(sources, nextSources, targets) > rows)
    throw runDamaged(folder, `it says that more than ${rows} rows were searched`)
  await checkPieces(folder, progress.pieces)
  return progress
}

function parseProgress(folder: string, recorded: unknown): Pick<SearchProgress, 'frontier' | 'pieces'> {
  if (recorded === undefined) return { frontier: NOTHING_DONE, pieces: [] }
  const progress = (recorded ?? {}) as Partial<Record<keyof SearchProgress, unknown>>
  const pieces = parsePieces(progress.pieces)
  if (!isFrontier(progress.frontier) || !pieces)
    throw runDamaged(folder, 'its record does not say how far the search was')
  return { frontier: progress.frontier, pieces }
}

function isFrontier(value: unknown): value is Frontier {
  if (typeof value !== 'object' || value === null) return false
  const { sources, nextSources, targets } = value as Partial<Record<keyof Frontier, unknown>>
  return [sources, nextSources, targets].every((row) => Number.isSafeInteger(row) && (row as number) >= 0)
}
