import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { REPORT_DEFAULTS } from '../defaults.js'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS, count } from '../flags.js'
import { grouped } from '../progress.js'
import type { CommandContext } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import type { Examples } from '../help-examples.js'

export const name = 'report'
export const usage = 'report <labels>'
export const describe = 'Labels to one HTML page to judge them by'

export const flags = {
  input: {
    type: 'string',
    describe: 'Folder with the embeddings of the labels  [default: that which they were made of]',
  },
  edges: {
    type: 'string',
    describe: 'Folder with their edges  [default: those beside the labels, or which they were made of]',
  },
  output: { type: 'string', describe: 'Folder for report.html  [default: that of the labels]' },
  seed: {
    type: 'string',
    default: String(REPORT_DEFAULTS.seed),
    coerce: count('seed', 0),
    describe: 'Decides which classes, faces and duplicates are drawn',
  },
  ...COMMON_FLAGS,
} as const

export const examples: Examples = [
  ['$0 report labels/', 'Writes labels/report.html'],
  ['$0 report labels/ --input embeddings/ --seed 2', 'Other classes, of embeddings that were moved'],
]

export function builder(yargs: Argv) {
  return yargs
    .positional('labels', {
      type: 'string',
      demandOption: true,
      describe: 'Folder with the labels of cluster or label',
    })
    .options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags> & { labels: string }>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { report } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const summary = await report(args, talk, signal)
  const { file, pictures, bytes, seconds } = summary
  talk.info(
    `A page of ${grouped(pictures)} pictures, ${(bytes / 1e6).toFixed(1)} MB, in ${seconds.toFixed(1)} s: open ${file}`,
  )
  if (args.json) await printSummary(summary, streams)
  return EXIT.ok
}
