import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { FacekitError, identityDifferences, partsIn, writeAtomically } from '@facekit/core'
import { orStopped } from '../interruption.js'
import { runFolders, SUBMIT_NAME } from '../run-layout.js'
import { readPlan } from '../run-plan.js'
import type { Talk } from '../talk.js'
import { shellWord } from './quote.js'
import { planRun, type PlanOptions } from './plan.js'
import { planOf, scriptsOf, type ClusterRun } from './scripts.js'

export interface SubmitOptions extends PlanOptions {
  /** Whether scripts are all that is made. */
  dryRun: boolean
}

/** @throws FacekitError, `SLURM` where jobs cannot be submitted */
export async function submit(
  options: SubmitOptions,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<void> {
  const run = await planRun(options, signal)
  if (!options.dryRun) await checkSlurm()
  await checkPlan(run)
  const folder = runFolders(run.run).slurm
  const script = join(folder, SUBMIT_NAME)
  const again = shellWord(script)
  await mkdir(join(folder, 'logs'), { recursive: true })
  for (const [name, content] of scriptsOf(run)) await writeScript(join(folder, name), content, talk)
  if (options.dryRun) {
    talk.info(`Submitted nothing. The scripts are in ${folder}; this submits them: ${again}`)
    return
  }
  const { status, stdout, stderr } = await orStopped(outcomeOf('bash', script), signal)
  for (const line of linesOf(stdout)) talk.info(line)
  if (status === 0) {
    for (const line of linesOf(stderr)) talk.warn(line)
    return
  }
  throw new FacekitError(
    'SLURM',
    `Expected Slurm to take all jobs but received: ${linesOf(stderr).join('; ')}. What it took stays in the queue. Give other flags, or edit the scripts, and submit the rest: ${again}`,
  )
}

/**
 * What is there of a run is not made again: it must be of the same.
 *
 * @throws FacekitError `RUN_DIFFERS`
 */
async function checkPlan(run: ClusterRun): Promise<void> {
  const { extract, search } = runFolders(run.run)
  const before = await readPlan(run.run)
  const isBegun = (await partsIn(extract)).length + (await partsIn(search)).length > 0
  if (!before || !isBegun) return
  const differences = identityDifferences(before.of, planOf(run).of)
  if (differences.length === 0) return
  throw new FacekitError(
    'RUN_DIFFERS',
    `Expected the run in ${run.run} to be of what its parts are but ${differences.join('; ')}. Choose another folder for --output, or remove the parts: ${extract}, ${search}.`,
  )
}

/** @throws FacekitError `SLURM` */
async function checkSlurm(): Promise<void> {
  try {
    await outcomeOf('sbatch', '--version')
  } catch (cause) {
    throw new FacekitError(
      'SLURM',
      'Expected sbatch, which submits jobs to Slurm, but it is not installed here. Run this on a login node of the cluster, or give --dry-run.',
      { cause },
    )
  }
}

/** Says so where one that is there gets other lines: a person may have edited it. */
async function writeScript(file: string, content: string, talk: Talk): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => content)
  if (before !== content) talk.warn(`Wrote ${file} anew: it had other lines`)
  await writeAtomically(file, async ({ path }) =>
    writeFile(path, content, { mode: file.endsWith('.sh') ? 0o755 : 0o644 }),
  )
}

async function outcomeOf(command: string, ...args: string[]) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [[status], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ])
  return { status, stdout, stderr }
}

function linesOf(said: string): string[] {
  return said.split('\n').filter((line) => line !== '')
}
