import { runDamaged } from '@facekit/core'
import { checkPieces, type Piece } from '@facekit/edges'
import { NOTHING_DONE, type Frontier } from './plan/frontier.js'

/** What a search records of itself. */
export interface SearchProgress {
  frontier: Frontier
  pieces: readonly Piece[]
}

/** Names of files in the scratch folder that recorded progress speaks of. */
export function filesOfProgress(recorded: unknown): Set<string> {
  const { pieces } = (recorded ?? {}) as { pieces?: unknown }
  const named = Array.isArray(pieces) ? (pieces as readonly { name?: unknown }[]) : []
  return new Set(named.map(({ name }) => String(name)))
}

/**
 * @param recorded undefined for a search that begins
 * @throws FacekitError `RUN_DAMAGED` where it is no progress of a search, or its pieces are not as they were
 */
export async function checkProgress(folder: string, recorded: unknown): Promise<SearchProgress> {
  if (recorded === undefined) return { frontier: NOTHING_DONE, pieces: [] }
  const { frontier, pieces } = (recorded ?? {}) as Partial<Record<keyof SearchProgress, unknown>>
  if (!isFrontier(frontier)) throw runDamaged(folder, 'its record does not say how far the search was')
  return { frontier, pieces: await checkPieces(folder, pieces) }
}

function isFrontier(value: unknown): value is Frontier {
  if (typeof value !== 'object' || value === null) return false
  const { sources, nextSources, targets } = value as Partial<Record<keyof Frontier, unknown>>
  return [sources, nextSources, targets].every((row) => Number.isSafeInteger(row) && (row as number) >= 0)
}
