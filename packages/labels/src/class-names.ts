import type { Clustering } from '@facekit/core'

/** A clustering whose classes have names. */
export interface NamedClustering extends Clustering {
  /** classes × int32: the number in the name of each class. */
  numbers: Int32Array
}

/** A name has an int32 in it. */
export const MAX_NAMES = 2 ** 31

/** `group_0000`, `group_0001`, …: four digits at least. */
export function className(number: number): string {
  return `group_${String(number).padStart(4, '0')}`
}

/** The number of the class of this name; NaN for another name. */
export function classNumber(name: string): number {
  const number = Number(/^group_([0-9]{4,})$/.exec(name)?.[1])
  return className(number) === name ? number : NaN
}

/** Names of classes, ascending by their numbers. */
export function* classNames(numbers: Int32Array): Generator<string> {
  for (const number of numbers.toSorted()) yield className(number)
}

/** Names by size: `group_0000` is the largest class. */
export function numberBySize(clustering: Clustering): NamedClustering {
  return { ...clustering, numbers: Int32Array.from(clustering.sizes, (_, number) => number) }
}

/** How the names of the label files tell a count: as it is below 1000, else in thousands. */
export function shortCount(count: number): string {
  return count < 1000 ? String(count) : `${Math.floor(count / 1000)}K`
}
