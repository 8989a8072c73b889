import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { THRESHOLDS_DEFAULTS } from '../defaults.js'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS, positiveUpTo } from '../flags.js'
import { LABEL_FLAGS } from '../label/flags.js'
import { grouped } from '../progress.js'
import type { CommandContext } from '../standard-streams.js'
import { print, printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import type { Examples } from '../help-examples.js'

export const name = 'thresholds'
export const usage = 'thresholds <edges>'
export const describe = 'Edges to a table: what label gives at each --cluster-thresh'

export const flags = {
  'remove-duplicates': LABEL_FLAGS['remove-duplicates'],
  'duplicate-thresh': LABEL_FLAGS['duplicate-thresh'],
  step: {
    type: 'string',
    default: String(THRESHOLDS_DEFAULTS.step),
    coerce: positiveUpTo('step', 1),
    describe: 'Between thresholds',
  },
  quiet: COMMON_FLAGS.quiet,
  json: {
    type: 'boolean',
    default: false,
    describe: 'Print a summary as JSON instead of the table',
  },
} as const

export const examples: Examples = [
  ['$0 thresholds labels/', 'Where to put --cluster-thresh'],
  ['$0 thresholds edges/ --step 0.05 --json', 'For programs'],
]

export function builder(yargs: Argv) {
  return yargs
    .positional('edges', {
      type: 'string',
      demandOption: true,
      describe: 'Folder with edges: that of search, or the labels of cluster',
    })
    .options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags> & { edges: string }>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { thresholds } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const summary = await thresholds(args, talk, signal)
  const { images, edges, labelled, duplicates, seconds } = summary
  talk.info(
    `${grouped(images)} images, ${grouped(edges)} edges: ${grouped(labelled)} images in classes, ${grouped(duplicates)} duplicates removed, in ${seconds.toFixed(1)} s`,
  )
  if (args.json) await printSummary(summary, streams)
  else {
    const { describeThresholds } = await import('./table.js')
    await print(describeThresholds(summary.thresholds, labelled), streams.stdout)
    if (summary.thresholds.some(({ chained }) => chained > 0)) {
      talk.info(
        'chains n: so many classes of 5 images or more went into others there, though they had stood by themselves at thresholds higher by 0.1: persons that run together',
      )
    }
  }
  return EXIT.ok
}
