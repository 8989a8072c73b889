import { lstat, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { lookForOwner } from './claim.js'
import type { OutputKind } from './output-kinds.js'
import { nameOfPart, type Part } from './part.js'
import { failureNameOf, partsFailedIn, partsIn, placeOf } from './place.js'
import { checkPartFile, readReceipt, type Receipt } from './receipts.js'
import { readRunRecord } from './run-record.js'
import { writeAtomically } from './write-atomically.js'

/** What became of a run that made a part. */
export interface PartFailure {
  message: string
  /** Name of the machine. */
  host: string
  /** ISO 8601. */
  at: string
}

/** How far a part is, as its files tell. */
export type PartState = { part: Part } & (
  | { state: 'done'; receipt: Receipt }
  /** A process is at it, which had recorded `progress` after `seconds` of work. */
  | { state: 'running'; host: string; progress: unknown; seconds: number }
  /** An error ended it, or it was stopped or killed; of what it had recorded it goes on. */
  | { state: 'failed'; failure: PartFailure | undefined; progress: unknown; seconds: number }
)

/** States of the parts in a folder that are there or were begun, in their order. */
export async function partStates(folder: string, kind: OutputKind): Promise<PartState[]> {
  const all = [...(await partsIn(folder)), ...(await partsFailedIn(folder))]
  const parts = [...new Map(all.map((part) => [nameOfPart(part), part])).values()].sort(
    (a, b) => a.of - b.of || a.number - b.number,
  )
  const states: PartState[] = []
  for (const part of parts) {
    const state = await stateOf(folder, kind, part)
    if (state) states.push(state)
  }
  return states
}

async function stateOf(folder: string, kind: OutputKind, part: Part): Promise<PartState | undefined> {
  const hidden = join(folder, placeOf(part).hidden)
  const owner = await lookForOwner(hidden)
  const record = await readRunRecord(hidden).catch(() => undefined)
  const { progress, seconds } = { progress: record?.progress, seconds: record?.seconds ?? 0 }
  if (owner?.isThere) return { part, state: 'running', host: owner.host, progress, seconds }
  try {
    const receipt = await readReceipt(folder, kind, part)
    if (receipt) {
      for (const file of receipt.files) await checkPartFile(folder, file)
      return { part, state: 'done', receipt }
    }
  } catch (error) {
    const failure = { message: (error as Error).message, host: '', at: '' }
    return { part, state: 'failed', failure, progress, seconds }
  }
  const failure = await readFailure(folder, part)
  return owner || record || failure ? { part, state: 'failed', failure, progress, seconds } : undefined
}

/** Whether something is made in a folder right now that is no part. */
export async function isWorkedOn(folder: string): Promise<boolean> {
  return (await lookForOwner(join(folder, placeOf().hidden)))?.isThere ?? false
}

/** Leaves word of why a part was not made, for whoever looks at all of them. */
export async function notePartFailure(folder: string, part: Part, message: string): Promise<void> {
  // There is no run where there is no folder.
  if (!(await lstat(folder).catch(() => undefined))?.isDirectory()) return
  const failure: PartFailure = { message, host: hostname(), at: new Date().toISOString() }
  await writeAtomically(failurePath(folder, part), async ({ path }) =>
    writeFile(path, JSON.stringify(failure)),
  )
}

/** Removes what was noted of the failure of a part, if anything was. */
export async function forgetPartFailure(folder: string, part: Part): Promise<void> {
  await rm(failurePath(folder, part), { force: true })
}

async function readFailure(folder: string, part: Part): Promise<PartFailure | undefined> {
  const path = failurePath(folder, part)
  try {
    const { message, host, at } = JSON.parse(await readFile(path, 'utf8')) as Partial<
      Record<keyof PartFailure, unknown>
    >
    return { message: String(message), host: String(host), at: String(at) }
  } catch {
    const isThere = await lstat(path).catch(() => undefined)
    return isThere && { message: 'it could not be said why', host: '', at: isThere.mtime.toISOString() }
  }
}

function failurePath(folder: string, part: Part): string {
  return join(folder, failureNameOf(part))
}
