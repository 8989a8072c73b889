import { NO_CLASS, NOT_A_DUPLICATE, type Clustering, type EdgeBatch } from '@facekit/core'
import { numberClasses } from './number-classes.js'
import type { UnionFind } from './union-find.js'

/** Joins the rows of the edges at or above a threshold. */
export function joinRows(
  components: UnionFind,
  { source, target, similarity }: EdgeBatch,
  threshold: number,
): void {
  for (let i = 0; i < source.length; i++)
    if (similarity[i]! >= threshold) components.union(source[i]!, target[i]!)
}

/**
 * Of each component of duplicates the smallest row stays.
 *
 * @param components not to be used afterwards
 * @returns rows × int32: the row that stays in the place of each, or `NOT_A_DUPLICATE`
 */
export function duplicatesOf(components: UnionFind): Int32Array {
  const duplicateOf = components.toRoots()
  for (let row = 0; row < duplicateOf.length; row++)
    if (duplicateOf[row] === row) duplicateOf[row] = NOT_A_DUPLICATE
  return duplicateOf
}

/**
 * The classes of what stays.
 *
 * @param roots rows × int32: the smallest row of what the row hangs together with; becomes `classOf`
 */
export function classesOfStaying(
  roots: Int32Array,
  duplicateOf: Int32Array,
  excluded: Uint32Array,
): Clustering {
  for (let row = 0; row < roots.length; row++) if (duplicateOf[row] !== NOT_A_DUPLICATE) roots[row] = NO_CLASS
  for (const row of excluded) roots[row] = NO_CLASS
  return { ...numberClasses(roots), duplicateOf }
}
