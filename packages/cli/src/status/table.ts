import { dirname, join } from 'node:path'
import { printable } from '@facekit/core'
import { aligned } from '../aligned.js'
import { duration, grouped } from '../progress.js'
import { shellWord } from '../submit/quote.js'
import { STAGES } from '../run-layout.js'
import type { RunStatus, StageStatus } from './run.js'

/** Failures that are named of each stage. */
const MOST_FAILURES = 8

/** For people: a line for each stage, why parts failed, and what to do. */
export function describeRun({ stages, submit }: RunStatus): string {
  const header = ['', 'parts', 'done', 'running', 'failed', 'not begun', 'progress', 'per second', 'left']
  const width = Math.max(...STAGES.map((stage) => stage.length))
  const rows = STAGES.map((stage) => [stage.padEnd(width), ...cellsOf(stages[stage])])
  const lines = aligned([header, ...rows]).map((line) => line.trimEnd())
  for (const stage of STAGES) lines.push(...failureLines(stage, stages[stage]))
  if (STAGES.every((stage) => stages[stage].missing.length + stages[stage].running === 0))
    lines.push('', 'All is done.')
  if (submit) {
    lines.push('', `What jobs said: ${join(dirname(submit), 'logs')}`)
    lines.push(`Submit what is missing: bash ${shellWord(submit)}`)
  }
  return `${lines.join('\n')}\n`
}

function cellsOf({
  parts,
  done,
  running,
  failed,
  unit,
  count,
  total,
  perSecond,
  secondsLeft,
}: StageStatus): string[] {
  return [
    grouped(parts),
    grouped(done),
    grouped(running),
    grouped(failed),
    grouped(parts - done - running - failed),
    describeProgress(unit, count, total),
    perSecond === undefined ? '' : short(perSecond),
    secondsLeft === undefined ? '' : duration(secondsLeft),
  ]
}

function describeProgress(unit: string, count: number, total: number | undefined): string {
  if (total === undefined) return count > 0 ? `${short(count)} ${unit}` : ''
  const percent = total === 0 ? 100 : Math.floor((100 * count) / total)
  return `${percent} % of ${short(total)} ${unit}`
}

/** Pairs are too many to be read digit by digit. */
function short(count: number): string {
  return count < 1e7 ? grouped(count) : count.toExponential(2).replace('e+', 'e')
}

function* failureLines(stage: string, { failures }: StageStatus): Generator<string> {
  if (failures.length > 0) yield ''
  for (const { part, message, host } of failures.slice(0, MOST_FAILURES)) {
    const where = host ? ` on ${host}` : ''
    yield printable(
      `${stage} ${part} ${message === undefined ? 'was stopped, and goes on when it is submitted again' : `failed${where}: ${message}`}`,
    )
  }
  const more = failures.length - MOST_FAILURES
  if (more > 0) yield `… and ${more} more`
}
