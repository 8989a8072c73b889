import { createHash } from 'node:crypto'
import { lstat, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError } from '../errors.js'
import { isOutputKind, type OutputKind } from './output-kinds.js'
import { sync, writeSynced } from './synced.js'

/** In the hidden folder of a run: how far it is. */
const RUN_NAME = 'progress.json'

/** The first did not say how long it took. */
const VERSION = 2

/** What a run is of, by names that people know: where one value is another, the results of two runs would mix. */
export type RunIdentity = Readonly<Record<string, string | number | boolean>>

/** How far a run was when it was last recorded. */
export interface RunRecord {
  kind: OutputKind
  identity: RunIdentity
  /** Of the owner's making; whoever takes it up checks it. */
  progress: unknown
  /** Of work until then, over all runs that it took. */
  seconds: number
  /** When it was recorded, ISO 8601. */
  at: string
}

/**
 * @returns undefined where none was recorded
 * @throws FacekitError `RUN_DAMAGED`
 */
export async function readRunRecord(hidden: string): Promise<RunRecord | undefined> {
  const path = join(hidden, RUN_NAME)
  try {
    return parse(await readFile(path, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw runDamaged(path, (cause as Error).message, { cause })
  }
}

export async function hasRunRecord(hidden: string): Promise<boolean> {
  return lstat(join(hidden, RUN_NAME)).then(
    () => true,
    // What cannot be looked at may be there: nobody is to clear it away.
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
}

/** It is on the disk with all that it speaks of, which has been synced before, or the one before is. */
export async function writeRunRecord(hidden: string, record: RunRecord): Promise<void> {
  const draft = join(hidden, `${RUN_NAME}-draft`)
  await writeSynced(draft, JSON.stringify({ version: VERSION, sha256: checksumOf(record), ...record }))
  await sync(hidden)
  await rename(draft, join(hidden, RUN_NAME))
  await sync(hidden)
}

/** Nobody goes on with the run from here on. */
export async function removeRunRecord(hidden: string): Promise<void> {
  await rm(join(hidden, RUN_NAME), { force: true })
}

/** What belongs to the record itself, among the names in a hidden folder. */
export function isOfRunRecord(name: string): boolean {
  return name.startsWith(RUN_NAME)
}

/** For what a record speaks of and is not there as it was: nothing of such a run can be trusted. */
export function runDamaged(path: string, what: string, options?: ErrorOptions): FacekitError {
  return new FacekitError(
    'RUN_DAMAGED',
    `Expected what an unfinished run left in ${path} as it was recorded but ${what}. Begin anew with --no-resume.`,
    options,
  )
}

/** @throws FacekitError `RUN_DIFFERS` that names all that differs */
export function checkIdentity(output: string, recorded: RunIdentity, now: RunIdentity): void {
  const differences = identityDifferences(recorded, now)
  if (differences.length > 0) throw runDiffers(output, differences.join('; '))
}

/** What differs, each in a phrase for people. */
export function identityDifferences(before: RunIdentity, now: RunIdentity): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...names].flatMap((name) =>
    before[name] === now[name] ? [] : [`${name} was ${said(before[name])} and is ${said(now[name])}`],
  )
}

/** For a run that is not the one to go on with. */
export function runDiffers(output: string, what: string): FacekitError {
  return new FacekitError(
    'RUN_DIFFERS',
    `Expected to go on with the unfinished run in ${output} but ${what}: the results would mix. Give what it was begun with, or begin anew with --no-resume.`,
  )
}

const SHA256 = /^(?:sha256:)?[0-9a-f]{64}$/

function said(value: string | number | boolean | undefined): string {
  if (value === undefined) return 'not given'
  const text = String(value)
  return SHA256.test(text) ? `${text.replace('sha256:', '').slice(0, 8)}…` : text
}

function parse(text: string): RunRecord {
  const record = JSON.parse(text) as Record<string, unknown>
  const { version, sha256, kind, identity, progress, seconds, at } = record
  if (typeof version === 'number' && version > VERSION)
    throw new Error(`it is of version ${version}, of a facekit that is newer than this one`)
  if (
    version !== VERSION ||
    typeof kind !== 'string' ||
    !isOutputKind(kind) ||
    typeof at !== 'string' ||
    typeof seconds !== 'number'
  )
    throw new Error('it holds no record of a run')
  const parsed = { kind, identity: parseIdentity(identity), progress, seconds, at }
  if (checksumOf(parsed) !== sha256) throw new Error('its checksum is that of another')
  return parsed
}

/** Of the text that it is as JSON, which reading and writing again leaves as it is. */
function checksumOf({ kind, identity, progress, seconds, at }: RunRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, identity, progress, seconds, at]))
    .digest('hex')
}

export function parseIdentity(value: unknown): RunIdentity {
  if (typeof value !== 'object' || value === null) throw new Error('it does not say what the run is of')
  const entries = Object.entries(value).filter((entry): entry is [string, string | number | boolean] =>
    ['string', 'number', 'boolean'].includes(typeof entry[1]),
  )
  return Object.fromEntries(entries)
}
