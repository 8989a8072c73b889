/** Of Gaussian components some rows in a thousand have a larger one: then a few codes are at their limit. */
export const QUANTILE = 0.98
export const BEYOND = 1.25

/** So that what stands for nothing still stands for something. */
const SMALLEST = 2 ** -20

/**
 * The largest component that codes must hold, from the largest of sampled rows: nearly all of them, but a few odd rows
 * shall not make the codes of all others coarse.
 */
export function largestComponent(ofRows: Float64Array): number {
  const ascending = ofRows.toSorted()
  const usual = ascending[Math.floor(QUANTILE * (ascending.length - 1))]! * BEYOND
  return Math.max(SMALLEST, usual > 0 ? Math.min(ascending.at(-1)!, usual) : ascending.at(-1)!)
}
