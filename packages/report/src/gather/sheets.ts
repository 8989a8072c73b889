import { add, dot, sample } from '@facekit/core'
import { LIMITS } from '../limits.js'
import type { Classes } from './classes.js'
import type { Cohesion } from './cohesion.js'
import type { LooseClasses } from './loose.js'

export interface Face {
  row: number
  /** Mean cosine to the other faces of its class that were compared; undefined without embeddings. */
  cosine: number | undefined
}

/** A class and some of its faces. */
export interface Sheet {
  class: number
  size: number
  /** The most typical first, the least last; in the order of rows without embeddings. */
  faces: Face[]
  /** Faces that were compared; 0 without embeddings. */
  compared: number
  /** Undefined without edges. */
  cohesion: Cohesion | undefined
  /** Cosine of the means of two groups that its faces fall into. */
  groups: number | undefined
}

export type SheetKind = 'largest' | 'loose' | 'random'

/** Classes for contact sheets. Classes are numbered from the largest on. */
export function chooseClasses(
  { sizes }: Classes,
  loose: LooseClasses | undefined,
  random: () => number,
): Record<SheetKind, number[]> {
  const several = sizes.findIndex((size) => size < 2)
  const largest = several < 0 ? sizes.length : several
  const numbers = function* () {
    for (let number = 0; number < largest; number++) yield number
  }
  const shown = Math.min(LIMITS.sheetClasses, largest)
  return {
    largest: Array.from({ length: shown }, (_, number) => number),
    loose: loose?.shown ?? [],
    random: sample(numbers(), LIMITS.sheetClasses, random),
  }
}

/**
 * Orders faces by their mean cosine to the others, and leaves as many as are shown: evenly from the most typical to the
 * least, both included.
 *
 * @param vectors of the rows, of length 1; undefined where there are none
 */
export function facesOf(
  rows: readonly number[],
  vectors: ReadonlyMap<number, Float32Array> | undefined,
  shown: number,
): Face[] {
  if (!vectors) return rows.slice(0, shown).map((row) => ({ row, cosine: undefined }))
  const units = rows.map((row) => vectors.get(row)!)
  const sum = new Float32Array(units[0]?.length ?? 0)
  for (const unit of units) add(sum, unit)
  const faces = rows.map((row, i) => {
    const others = dot(sum, units[i]!) - dot(units[i]!, units[i]!)
    return { row, cosine: rows.length > 1 ? others / (rows.length - 1) : undefined }
  })
  faces.sort((a, b) => (b.cosine ?? 0) - (a.cosine ?? 0) || a.row - b.row)
  return evenly(faces, shown)
}

function evenly<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!)
}
