import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { HIDDEN_PREFIX, lookForOwner } from './claim.js'
import { nameOfPart, parsePartName, type Part } from './part.js'
import { hasRunRecord } from './run-record.js'

/** Where in its output folder a run works, and where is said what it made. Those of parts do not know of one another. */
export interface Place {
  /** Name of the hidden folder: at most one run is in it. */
  hidden: string
  /** Name of the record. */
  record: string
}

const WHOLE: Place = { hidden: `${HIDDEN_PREFIX}run`, record: '.facekit.json' }

export function placeOf(part?: Part): Place {
  if (!part) return WHOLE
  const hidden = `${HIDDEN_PREFIX}${nameOfPart(part)}`
  return { hidden, record: `${hidden}.json` }
}

/** Places in a folder where something is, the one of a whole result among them. */
export async function placesIn(folder: string): Promise<Place[]> {
  return [WHOLE, ...(await partsNamed(folder)).map(placeOf)]
}

/**
 * Parts that were made in a folder, or begun, in the order of their numbers: those that are recorded, that have recorded
 * progress, or at which a process is.
 */
export async function partsIn(folder: string): Promise<Part[]> {
  const parts: Part[] = []
  for (const part of await partsNamed(folder)) {
    const { hidden, record } = placeOf(part)
    const path = join(folder, hidden)
    if (
      (await isThere(join(folder, record))) ||
      (await hasRunRecord(path)) ||
      (await lookForOwner(path))?.isThere
    )
      parts.push(part)
  }
  return parts
}

/** Those of which nothing may be there but word that they could not be made. */
export async function partsFailedIn(folder: string): Promise<Part[]> {
  return partsNamed(folder, FAILURE_SUFFIX)
}

/** Ends the name of the word that is left of a part which could not be made. */
const FAILURE_SUFFIX = '.failed.json'

export function failureNameOf(part: Part): string {
  return `${placeOf(part).hidden}${FAILURE_SUFFIX}`
}

/** By hidden folders, and files that end in a suffix. */
async function partsNamed(folder: string, suffix = '.json'): Promise<Part[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
  const found = new Map<string, Part>()
  for (const name of names) {
    if (!name.startsWith(HIDDEN_PREFIX)) continue
    const bare = name.slice(HIDDEN_PREFIX.length)
    const part = parsePartName(bare.endsWith(suffix) ? bare.slice(0, -suffix.length) : bare)
    if (part) found.set(nameOfPart(part), part)
  }
  return [...found.values()].sort((a, b) => a.of - b.of || a.number - b.number)
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
