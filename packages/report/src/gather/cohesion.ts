import type { EdgeFacts } from './edge-facts.js'
import type { Cosines } from './cosines.js'

/** How many of the pairs of a class are similar enough to join it, 0 to 1. */
export interface Cohesion {
  share: number
  /**
   * Of which pairs: of all of the class; of those of some drawn faces; or of as many as the lists of neighbors that the
   * edges were chosen by can hold, which a large class fills though its faces fall apart.
   */
  of: 'pairs' | 'drawn' | 'lists'
}

/** A row lists topK - 1 others at most, and an edge is in the list of either end. */
export function edgeCohesion(number: number, size: number, { edgesOf, topK }: EdgeFacts): Cohesion {
  const pairs = (size * (size - 1)) / 2
  const share = (possible: number) => (possible > 0 ? edgesOf[number]! / possible : 1)
  return size <= topK
    ? { share: share(pairs), of: 'pairs' }
    : { share: share(Math.min(pairs, size * (topK - 1))), of: 'lists' }
}

/** @param least cosine that joins */
export function drawnCohesion(cosines: Cosines, least: number): Cohesion {
  const { rows } = cosines
  let joined = 0
  for (let a = 0; a < rows; a++) for (let b = 0; b < a; b++) if (cosines.of(a, b) >= least) joined++
  return { share: rows > 1 ? joined / ((rows * (rows - 1)) / 2) : 1, of: 'drawn' }
}
