import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS } from '../flags.js'
import { DEFAULT_INPUT, MEMORY_FLAG } from '../search/flags.js'
import type { CommandContext } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import { LABEL_FLAGS } from './flags.js'

export const name = 'label'
export const describe = 'Edges to training labels, by any thresholds'

export const flags = {
  input: { type: 'string', default: DEFAULT_INPUT, describe: 'Folder with the NPY files of extract' },
  edges: { type: 'string', demandOption: true, describe: 'Folder with their edges: see search' },
  output: { type: 'string', default: './02_output/current', describe: 'Folder for the labels' },
  ...LABEL_FLAGS,
  ...MEMORY_FLAG,
  ...COMMON_FLAGS,
} as const

export function builder(yargs: Argv): Argv<InferredOptionTypes<typeof flags>> {
  return yargs
    .options(flags)
    .example(
      '$0 label --input embeddings/ --edges edges/ --output labels/ --cluster_thresh 0.6',
      'Labels without another search',
    )
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags>>,
  { streams, args: command, signal }: CommandContext,
): Promise<number> {
  const { label } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const summary = await label({ ...args, command }, talk, signal)
  const { images, classes, labelled, duplicates, seconds } = summary
  talk.info(
    `${images} images: ${classes} classes of ${labelled} images, ${duplicates} duplicates removed, in ${seconds.toFixed(1)} s: see ${args.output}`,
  )
  if (args.json) await printSummary(summary, streams)
  return EXIT.ok
}
