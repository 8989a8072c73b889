import { join } from 'node:path'

/** Folders of a run over many machines, by the stage that fills each. */
export function runFolders(run: string) {
  return {
    extract: join(run, 'embeddings'),
    search: join(run, 'edges'),
    label: join(run, 'labels'),
    /** Scripts that submit it, and what the jobs said. */
    slurm: join(run, 'slurm'),
  } as const
}

export const STAGES = ['extract', 'search', 'label'] as const
export type Stage = (typeof STAGES)[number]

/** What a run is to be, as whoever submits it wrote it down. */
export const PLAN_NAME = 'plan.json'

/** Submits what is missing. */
export const SUBMIT_NAME = 'submit.sh'
