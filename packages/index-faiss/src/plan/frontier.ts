import { pairsInBoth, type Region } from './pairs.js'

/**
 * How far a search is, whatever plan it goes by: all pairs are done whose smaller row is below `sources`, and those whose
 * smaller row is below `nextSources` and whose larger row is below `targets`; of a part of the pairs, those that it has.
 */
export interface Frontier {
  sources: number
  nextSources: number
  targets: number
}

export const NOTHING_DONE: Frontier = { sources: 0, nextSources: 0, targets: 0 }

/** Pairs of a region that are done. */
export function pairsDoneAt({ sources, nextSources, targets }: Frontier, { strips }: Region): number {
  const before = { firstSource: 0, endSource: sources, firstTarget: 0, endTarget: Infinity }
  const last = { firstSource: sources, endSource: nextSources, firstTarget: 0, endTarget: targets }
  return strips.reduce((sum, strip) => sum + pairsInBoth(strip, before) + pairsInBoth(strip, last), 0)
}
