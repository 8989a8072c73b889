import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS } from '../flags.js'
import { DEFAULT_INPUT, MEMORY_FLAG } from '../search/flags.js'
import type { CommandContext } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import { DRY_RUN_FLAG, LABEL_FLAGS } from './flags.js'
import { sayLabels } from './say-labels.js'
import type { Examples } from '../help-examples.js'

export const name = 'label'
export const describe = 'Edges to training labels, by any thresholds'

export const flags = {
  input: { type: 'string', default: DEFAULT_INPUT, describe: 'Folder with the NPY files of extract' },
  edges: { type: 'string', demandOption: true, describe: 'Folder with their edges: see search' },
  output: { type: 'string', default: './02_output/current', describe: 'Folder for the labels' },
  ...LABEL_FLAGS,
  ...MEMORY_FLAG,
  'dry-run': {
    ...DRY_RUN_FLAG['dry-run'],
    describe: `${DRY_RUN_FLAG['dry-run'].describe}. Edges in parts are joined`,
  },
  ...COMMON_FLAGS,
} as const

export const examples: Examples = [
  [
    '$0 label --input embeddings/ --edges edges/ --output labels/ --cluster_thresh 0.6',
    'Labels without another search',
  ],
]

export function builder(yargs: Argv): Argv<InferredOptionTypes<typeof flags>> {
  return yargs.options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags>>,
  { streams, args: command, signal }: CommandContext,
): Promise<number> {
  const { label } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const summary = await label({ ...args, command }, talk, signal)
  sayLabels(summary, args.output, talk)
  if (args.json) await printSummary(summary, streams)
  return EXIT.ok
}
