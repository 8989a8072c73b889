/** Which of the parts of a result, numbered from 0: each is made by a run of its own, and all into one folder. */
export interface Part {
  number: number
  of: number
}

/** Of a result: files and arrays of jobs hold more, but nobody looks at so many. */
export const MOST_PARTS = 100_000

const PART_NAME = /^part_(\d+)_of_(\d+)$/

/** What files of a part are called, without their ending: `part_3_of_64`. */
export function nameOfPart({ number, of }: Part): string {
  return `part_${number}_of_${of}`
}

/** @returns undefined for what is no name of a part */
export function parsePartName(name: string): Part | undefined {
  const [, number, of] = PART_NAME.exec(name) ?? []
  const part = { number: Number(number), of: Number(of) }
  const isPart = number !== undefined && part.number < part.of && part.of <= MOST_PARTS
  return isPart && nameOfPart(part) === name ? part : undefined
}

/** Whether a file is of a part, by its name. */
export function isOfPart(file: string): boolean {
  return parsePartName(file.split('.', 1)[0]!) !== undefined
}

/** For people, as it is given: `3/64`. */
export function sayPart({ number, of }: Part): string {
  return `${number}/${of}`
}
