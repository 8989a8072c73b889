import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  FacekitError,
  filesMadeIn,
  identityDifferences,
  isWorkedOn,
  partsIn,
  partStates,
  readReceipts,
  sayPart,
  type OutputKind,
  type PartState,
} from '@facekit/core'
import { identityOf } from '@facekit/edges'
import { openEdgesIfThere } from '../search/finished-edges.js'
import { openWrittenList } from '@facekit/preprocess'
import { readPlan } from '../run-plan.js'
import { runFolders, SUBMIT_NAME, type Stage } from '../run-layout.js'

export interface StageStatus {
  parts: number
  done: number
  running: number
  failed: number
  /** Numbers of the parts that are neither there nor being made. */
  missing: number[]
  /** Images of extract, pairs of search. */
  unit: 'images' | 'pairs'
  count: number
  /** Undefined until that is known. */
  total: number | undefined
  /** Of the parts that run now, by what parts did so far. */
  perSecond: number | undefined
  secondsLeft: number | undefined
  failures: StageFailure[]
}

export interface StageFailure {
  part: string
  /** Undefined for one that was stopped, or killed. */
  message: string | undefined
  host: string
}

export interface RunStatus {
  run: string
  stages: Record<Stage, StageStatus>
  /** What submits all that is missing; undefined where nothing is, or it was not submitted to begin with. */
  submit: string | undefined
}

/**
 * How far a run is, by its files.
 *
 * @throws FacekitError `RUN_FOLDER` where there is none
 */
export async function lookAtRun(run: string): Promise<RunStatus> {
  const folders = runFolders(run)
  const parts = (await readPlan(run))?.parts ?? (await partsThere(folders))
  if (parts === undefined) {
    throw new FacekitError(
      'RUN_FOLDER',
      `Expected a run at ${run}, with embeddings/ or edges/ in parts, but there is none. Begin one: facekit submit slurm … --output ${run}`,
    )
  }
  const list = await openWrittenList(folders.extract)
  const extract = await lookAtParts(folders.extract, 'embeddings', parts)
  extract.total = list?.entries
  const search = await lookAtSearch(folders.search, parts)
  const rows = extract.done === extract.parts ? extract.rows : undefined
  search.total ??= pairsOf(rows)
  const label = await lookAtLabels(folders.label, folders.search)
  const stages = { extract: estimated(extract), search: estimated(search), label }
  const isMissing = Object.values(stages).some(({ missing }) => missing.length > 0)
  const submit = join(folders.slurm, SUBMIT_NAME)
  return { run, stages, submit: isMissing && (await isThere(submit)) ? submit : undefined }
}

async function partsThere(folders: ReturnType<typeof runFolders>): Promise<number | undefined> {
  return ((await partsIn(folders.extract))[0] ?? (await partsIn(folders.search))[0])?.of
}

type Counted = StageStatus & { rows: number; workSeconds: number; worked: number }

async function lookAtParts(folder: string, kind: OutputKind, parts: number): Promise<Counted> {
  const states = (await partStates(folder, kind)).filter(({ part }) => part.of === parts)
  const status: Counted = {
    parts,
    done: 0,
    running: 0,
    failed: 0,
    missing: [],
    unit: kind === 'edges' ? 'pairs' : 'images',
    count: 0,
    total: undefined,
    perSecond: undefined,
    secondsLeft: undefined,
    failures: [],
    rows: 0,
    workSeconds: 0,
    worked: 0,
  }
  const isTaken = new Set<number>()
  for (const state of states) {
    status[state.state]++
    const { count, seconds } = doneBy(state)
    status.count += count
    status.worked += count
    status.workSeconds += seconds
    if (state.state === 'failed') status.failures.push(failureOf(state))
    else isTaken.add(state.part.number)
    if (state.state === 'done') status.rows += state.receipt.counts['embedded'] ?? 0
    if (state.state === 'done' && kind === 'edges') status.total = pairsOf(state.receipt.of['rows'])
  }
  status.missing = Array.from({ length: parts }, (_, number) => number).filter(
    (number) => !isTaken.has(number),
  )
  return status
}

/** Edges of parts that were joined are there, and the parts are not. */
async function lookAtSearch(folder: string, planned: number): Promise<Counted> {
  const parts = (await partsIn(folder))[0]?.of ?? planned
  const status = await lookAtParts(folder, 'edges', parts)
  const edges = await openEdgesIfThere(folder)
  const receipts = await readReceipts(folder, 'edges').catch(() => undefined)
  const areJoined = receipts?.every(
    ({ of }) => edges && identityDifferences(of, identityOf(edges)).length === 0,
  )
  // Parts of another search may have begun.
  if (!edges || !areJoined || (receipts!.length === 0 && status.running + status.failed > 0)) return status
  const pairs = pairsOf(edges.rows)!
  return { ...status, done: parts, missing: [], count: pairs, total: pairs }
}

async function lookAtLabels(folder: string, edges: string): Promise<StageStatus> {
  // It joins edges first.
  const isRunning = (await isWorkedOn(folder)) || (await isWorkedOn(edges))
  const made = (await filesMadeIn(folder, 'labels')).find((name) => name === 'clustering_result.txt')
  const [labelled, searched] = [
    made && (await timeOf(join(folder, made))),
    await timeOf(join(edges, 'edges.json')),
  ]
  // Labels of an earlier search are not those of this run.
  const isDone = !isRunning && labelled !== undefined && searched !== undefined && labelled >= searched
  return {
    parts: 1,
    done: Number(isDone),
    running: Number(isRunning),
    failed: 0,
    missing: isDone || isRunning ? [] : [0],
    unit: 'images',
    count: 0,
    total: undefined,
    perSecond: undefined,
    secondsLeft: undefined,
    failures: [],
  }
}

function estimated({ rows: _rows, workSeconds, worked, ...status }: Counted): StageStatus {
  const { running, count, total } = status
  if (running === 0 || workSeconds === 0) return status
  const perSecond = (running * worked) / workSeconds
  const secondsLeft = total === undefined || perSecond === 0 ? undefined : (total - count) / perSecond
  return { ...status, perSecond, secondsLeft }
}

function doneBy(state: PartState): { count: number; seconds: number } {
  if (state.state === 'done') {
    const { counts, seconds } = state.receipt
    return { count: counts['pairs'] ?? counts['images'] ?? 0, seconds }
  }
  const { entries, pairsDone } = (state.progress ?? {}) as { entries?: unknown; pairsDone?: unknown }
  return { count: Number(pairsDone ?? entries ?? 0), seconds: state.seconds }
}

function failureOf({ part, failure }: PartState & { state: 'failed' }): StageFailure {
  return { part: sayPart(part), message: failure?.message, host: failure?.host ?? '' }
}

function pairsOf(rows: unknown): number | undefined {
  return typeof rows === 'number' ? (rows * Math.max(0, rows - 1)) / 2 : undefined
}

async function timeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  )
}

async function isThere(path: string): Promise<boolean> {
  return (await timeOf(path)) !== undefined
}
