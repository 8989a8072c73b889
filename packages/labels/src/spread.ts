import type { Contingency } from './contingency.js'

/** Which classes of two: those found, or those that are true. */
export type Side = 'predicted' | 'truth'

/** How the classes of one side are spread over those of the other. */
export interface Spread {
  /** classes × uint32: classes of the other side that share images with each. */
  parts: Uint32Array
  /** classes × uint32: number of the one that shares most; of equals, the first. */
  main: Uint32Array
  /** classes × uint32: images shared with that. */
  mainImages: Uint32Array
}

/** A class that shares images with more than one of the other side. */
export interface SpreadClass {
  /** As it was given. */
  label: number
  images: number
  /** Classes of the other side that share images with it. */
  parts: number
  /** Label of the one that shares most. */
  main: number
  mainImages: number
}

export function spreadOf({ predicted, truth, starts, truthOf, counts }: Contingency, side: Side): Spread {
  const classes = (side === 'predicted' ? predicted : truth).sizes.length
  const spread: Spread = {
    parts: new Uint32Array(classes),
    main: new Uint32Array(classes),
    mainImages: new Uint32Array(classes),
  }
  for (let p = 0; p < predicted.sizes.length; p++) {
    for (let cell = starts[p]!; cell < starts[p + 1]!; cell++) {
      const [one, other] = side === 'predicted' ? [p, truthOf[cell]!] : [truthOf[cell]!, p]
      spread.parts[one]!++
      if (counts[cell]! <= spread.mainImages[one]!) continue
      spread.main[one] = other
      spread.mainImages[one] = counts[cell]!
    }
  }
  return spread
}

/**
 * The classes of one side with most images outside their largest part, those with most first, of equals those of lower
 * labels. Of predicted ones they are the most mixed, of true ones the most scattered.
 *
 * @param most classes that are given
 */
export function mostSpread(table: Contingency, side: Side, most: number): SpreadClass[] {
  const [one, other] = side === 'predicted' ? [table.predicted, table.truth] : [table.truth, table.predicted]
  const { parts, main, mainImages } = spreadOf(table, side)
  const outside = (number: number) => one.sizes[number]! - mainImages[number]!
  const spread: number[] = []
  for (let number = 0; number < parts.length; number++) if (parts[number]! > 1) spread.push(number)
  spread.sort((a, b) => outside(b) - outside(a) || one.labels[a]! - one.labels[b]!)
  return spread.slice(0, most).map((number) => ({
    label: one.labels[number]!,
    images: one.sizes[number]!,
    parts: parts[number]!,
    main: other.labels[main[number]!]!,
    mainImages: mainImages[number]!,
  }))
}
