/**
 * How far a search is, whatever plan it goes by: all pairs are done whose smaller row is below `sources`, and those whose
 * smaller row is below `nextSources` and whose larger row is below `targets`.
 */
export interface Frontier {
  sources: number
  nextSources: number
  targets: number
}

export const NOTHING_DONE: Frontier = { sources: 0, nextSources: 0, targets: 0 }

/** Of rows × (rows - 1) / 2. */
export function pairsDoneAt({ sources, nextSources, targets }: Frontier, rows: number): number {
  const before = sources * (rows - 1) - (sources * (sources - 1)) / 2
  // Row s has the pairs with s + 1 up to targets.
  const last = Math.min(nextSources, targets)
  if (last <= sources) return before
  const count = last - sources
  return before + count * (targets - 1) - ((sources + last - 1) * count) / 2
}
