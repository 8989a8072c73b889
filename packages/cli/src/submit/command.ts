import { fileURLToPath } from 'node:url'
import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { EXIT } from '../exit-codes.js'
import * as extractCommand from '../extract/command.js'
import { COMMON_FLAGS, count } from '../flags.js'
import { partCount } from '../part-flags.js'
import type { CommandContext } from '../standard-streams.js'
import { createTalk } from '../talk.js'
import { TASK_FLAGS } from './tasks.js'
import type { Examples } from '../help-examples.js'

export const name = 'submit'
export const usage = 'submit <system>'
export const describe = 'A whole run to a cluster: extract and search in parts, then label'
/** Words after `--` are for sbatch. */
export const takesMore = true

const RUN_FLAGS = {
  input: {
    type: 'string',
    demandOption: true,
    describe: extractCommand.flags.input.describe.replace(/, or -.*/, ''),
  },
  output: {
    type: 'string',
    demandOption: true,
    describe: 'Folder of the run, on a disk that all machines share: embeddings, edges, labels, and scripts',
  },
  parts: {
    type: 'string',
    demandOption: true,
    coerce: partCount('parts'),
    describe: 'Tasks that extract is dealt to, and search',
  },
  'dry-run': { type: 'boolean', default: false, describe: 'Write the scripts and submit nothing' },
  partition: { type: 'string', describe: 'Of the cluster, for all jobs' },
  time: { type: 'string', describe: 'Time limit of a task, such as 60 (minutes) or 2:00:00' },
  'gpus-per-task': { type: 'string', describe: 'GPUs of a task of extract or search, such as 1 or a100:1' },
  'cpus-per-task': {
    type: 'string',
    coerce: count('cpus-per-task'),
    describe: 'Cores of a task; --num-workers and --threads are as many if not given',
  },
  mem: { type: 'string', describe: 'Memory of a task, such as 32G' },
  quiet: COMMON_FLAGS.quiet,
} as const

export const flags = { ...RUN_FLAGS, ...TASK_FLAGS }

export const examples: Examples = [
  [
    '$0 submit slurm --input list.txt --weights model.pth --output run/ --parts 64 --gpus-per-task 1',
    'Submit a run in 64 parts',
  ],
  [
    '$0 submit slurm --input list.txt --weights model.pth --output run/ --parts 8 --dry-run -- --account=faces',
    'Write the scripts only, with an option for sbatch',
  ],
  ['run/slurm/submit.sh', 'Submit what is missing, at any time'],
]

export function builder(yargs: Argv) {
  const withRun = yargs
    .positional('system', { choices: ['slurm'] as const, demandOption: true, describe: 'Batch system' })
    .options(RUN_FLAGS)
  // Of these nothing is known but their names: the stages read them.
  withRun.options(TASK_FLAGS)
  return withRun.parserConfiguration({ 'populate--': true })
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof RUN_FLAGS>>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { submit } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const bin = fileURLToPath(new URL('../../bin/facekit.cjs', import.meta.url))
  const sbatchWords = args['--'] as string[] | undefined
  await submit(
    { ...args, program: [process.execPath, bin], given: args, sbatchWords: sbatchWords ?? [] },
    talk,
    signal,
  )
  return EXIT.ok
}
