import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError, type RunIdentity } from '@facekit/core'
import { PLAN_NAME, runFolders } from './run-layout.js'

/** What a run over many machines is to be. */
export interface RunPlan {
  parts: number
  /** What its parts are of, in the words of whoever submitted it. */
  of: RunIdentity
}

export function formatPlan({ parts, of }: RunPlan): string {
  return `${JSON.stringify({ version: 1, parts, of }, undefined, 2)}\n`
}

/**
 * @returns undefined where none was written
 * @throws FacekitError `RUN_FOLDER` for what is none
 */
export async function readPlan(run: string): Promise<RunPlan | undefined> {
  const path = join(runFolders(run).slurm, PLAN_NAME)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (!['ENOENT', 'ENOTDIR'].includes(error.code ?? '')) throw error
  })
  if (text === undefined) return undefined
  try {
    const { parts, of } = (JSON.parse(text) ?? {}) as { parts?: unknown; of?: unknown }
    if (!Number.isSafeInteger(parts) || (parts as number) < 1) throw new Error('it says no number of parts')
    return { parts: parts as number, of: (of ?? {}) as RunIdentity }
  } catch (cause) {
    throw new FacekitError(
      'RUN_FOLDER',
      `Expected what a run is to be in ${path} but ${(cause as Error).message}. Write it again: facekit submit.`,
      { cause },
    )
  }
}
