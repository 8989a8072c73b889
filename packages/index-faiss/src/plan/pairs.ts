/**
 * Pairs of rows by where their ends are: the smaller row of each from `firstSource` to `endSource`, the larger one from
 * `firstTarget` to `endTarget`, the ends excluded. A rectangle of the matrix, as far as it is in the half that is searched.
 */
export interface Strip {
  firstSource: number
  endSource: number
  firstTarget: number
  endTarget: number
}

/** Which pairs are searched. */
export interface Region {
  /** Ascending by source, none of a pair of another. */
  strips: readonly Strip[]
  /** Strips begin and end at multiples of it, or at the end: what is computed at a time takes no more rows. */
  bandRows: number
}

/** All pairs. */
export function wholeRegion(rows: number): Region {
  const all = { firstSource: 0, endSource: rows, firstTarget: 0, endTarget: rows }
  return { strips: rows > 0 ? [all] : [], bandRows: Infinity }
}

export function isInRegion({ strips }: Region, source: number, target: number): boolean {
  return strips.some(
    ({ firstSource, endSource, firstTarget, endTarget }) =>
      source >= firstSource && source < endSource && target >= firstTarget && target < endTarget,
  )
}

/** How many pairs of rows are in a region. */
export function pairsInRegion({ strips }: Pick<Region, 'strips'>): number {
  return strips.reduce((sum, strip) => sum + pairsInStrip(strip), 0)
}

export function pairsInStrip({ firstSource, endSource, firstTarget, endTarget }: Strip): number {
  return pairsBelow(firstSource, endSource, endTarget) - pairsBelow(firstSource, endSource, firstTarget)
}

/** Pairs in both. */
export function pairsInBoth(a: Strip, b: Strip): number {
  const firstTarget = Math.max(a.firstTarget, b.firstTarget)
  return pairsInStrip({
    firstSource: Math.max(a.firstSource, b.firstSource),
    endSource: Math.min(a.endSource, b.endSource),
    firstTarget,
    endTarget: Math.max(firstTarget, Math.min(a.endTarget, b.endTarget)),
  })
}

/** With a source from `first` to `end` and a target below `targets`: row s has those with s + 1 up to that. */
function pairsBelow(first: number, end: number, targets: number): number {
  const last = Math.min(end, targets)
  const count = last - first
  return count > 0 ? count * (targets - 1) - ((first + last - 1) * count) / 2 : 0
}
