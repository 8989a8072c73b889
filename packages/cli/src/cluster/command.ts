import { fstatSync } from 'node:fs'
import { OptionError } from '@facekit/core'
import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { CLUSTER_DEFAULTS } from '../defaults.js'
import { deviceWish } from '../device-flags.js'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS, RESUME_FLAG } from '../flags.js'
import { DRY_RUN_FLAG, LABEL_FLAGS } from '../label/flags.js'
import { sayLabels } from '../label/say-labels.js'
import { DEFAULT_INPUT, MEMORY_FLAG, SEARCH_FLAGS } from '../search/flags.js'
import type { CommandContext, Input } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import type { Examples } from '../help-examples.js'

export const name = 'cluster'
export const describe = 'Embeddings to training labels'

export const flags = {
  input: {
    type: 'string',
    describe: `Folder with the NPY files of extract. Left out: its stream on stdin if that is a pipe, else ${DEFAULT_INPUT}`,
  },
  output: { type: 'string', default: './02_output/current', describe: 'Folder for the labels' },
  ...LABEL_FLAGS,
  ...SEARCH_FLAGS,
  floor: {
    ...SEARCH_FLAGS.floor,
    describe: `${SEARCH_FLAGS.floor.describe}; lower ones serve other thresholds later  [default: the lowest threshold]`,
  },
  ...MEMORY_FLAG,
  'keep-edges': {
    type: 'boolean',
    default: CLUSTER_DEFAULTS.keepEdges,
    describe: 'Keep the edges in the folder edges of the output: other thresholds then need no search',
  },
  report: {
    type: 'boolean',
    default: false,
    describe: 'Write report.html beside the labels as well: see report',
  },
  'dry-run': {
    ...DRY_RUN_FLAG['dry-run'],
    describe: `${DRY_RUN_FLAG['dry-run'].describe}. Edges are kept, so that the run itself takes seconds; with --no-keep-edges nothing stays`,
  },
  ...RESUME_FLAG,
  ...COMMON_FLAGS,
} as const

export const examples: Examples = [
  ['$0 cluster --input embeddings/ --output labels/', 'NPY files to labels'],
  ['$0 cluster --input embeddings/ --cluster_thresh 0.6 --no-remove_duplicates', 'Looser, duplicates kept'],
  [
    '$0 cluster --input embeddings/ --output labels/ --method communities',
    'Identities that do not chain, without a threshold to find',
  ],
  [
    '$0 cluster --input embeddings/ --output labels/ --cluster_thresh 0.75',
    'By another threshold, without another search',
  ],
  ['$0 extract --input crops/ --weights model.onnx | $0 cluster --output labels/', 'As a pipe'],
]

export function builder(yargs: Argv): Argv<InferredOptionTypes<typeof flags>> {
  return yargs.options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags>>,
  { streams, args: command, signal }: CommandContext,
): Promise<number> {
  const { cluster } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const folder =
    args.input === '-' ? undefined : (args.input ?? (isPiped(streams.stdin) ? undefined : DEFAULT_INPUT))
  const options = {
    ...args,
    command,
    input: folder ?? streams.stdin,
    device: deviceWish(args),
  }
  if (args.report && args.dryRun)
    throw new OptionError('Expected no --report with --dry-run, which leaves no labels to report on')
  const reporting = args.report ? await import('../report/run.js') : undefined
  // Before hours of search.
  await (await reporting?.openReport(args.output))?.discard()
  const summary = await cluster(options, talk, signal)
  sayLabels(summary, args.output, talk)
  if (reporting) {
    const { file } = await reporting.report({ labels: args.output }, talk, signal)
    talk.info(`Open the report: ${file}`)
  }
  if (args.json) await printSummary(summary, streams)
  return EXIT.ok
}

/** A terminal or /dev/null is not; a pipe, a socket or a redirected file is, as is a stream without a descriptor. */
function isPiped({ fd }: Input): boolean {
  if (fd === undefined) return true
  const stats = fstatSync(fd)
  return stats.isFIFO() || stats.isSocket() || stats.isFile()
}
