import { writeFile } from 'node:fs/promises'
import { className } from './class-names.js'
import type { Change } from './keep-names.js'

export const CHANGES_NAME = 'changes.csv'

/** Rows of `changes.csv` of each kind. */
export type ChangeCounts = Record<Change['change'], number>

/** Rows that are written at once. */
const ROWS_AT_ONCE = 1024

/** Writes what became of earlier classes. No name needs quotes. */
export async function writeChanges(file: string, changes: Iterable<Change>): Promise<ChangeCounts> {
  const counts = noChanges()
  await writeFile(file, textOf(changes, counts))
  return counts
}

export function countChanges(changes: Iterable<Change>): ChangeCounts {
  const counts = noChanges()
  for (const { change } of changes) counts[change]++
  return counts
}

function noChanges(): ChangeCounts {
  return { kept: 0, merged: 0, split: 0, new: 0 }
}

function* textOf(changes: Iterable<Change>, counts: ChangeCounts): Generator<string> {
  let rows = ['earlier,now,change,images']
  for (const { earlier, now, change, images } of changes) {
    counts[change]++
    rows.push([earlier === undefined ? '' : className(earlier), className(now), change, images].join(','))
    if (rows.length < ROWS_AT_ONCE) continue
    yield `${rows.join('\n')}\n`
    rows = []
  }
  if (rows.length > 0) yield `${rows.join('\n')}\n`
}
