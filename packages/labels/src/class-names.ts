/** `group_0000`, `group_0001`, …: four digits at least. */
export function className(number: number): string {
  return `group_${String(number).padStart(4, '0')}`
}

/** The number of the class of this name; NaN for another name. */
export function classNumber(name: string): number {
  const number = Number(/^group_([0-9]{4,})$/.exec(name)?.[1])
  return className(number) === name ? number : NaN
}

/** Names of the first `count` classes. */
export function* classNames(count: number): Generator<string> {
  for (let number = 0; number < count; number++) yield className(number)
}

/** How the names of the label files tell a count: as it is below 1000, else in thousands. */
export function shortCount(count: number): string {
  return count < 1000 ? String(count) : `${Math.floor(count / 1000)}K`
}
