import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { EVALUATE_DEFAULTS } from '../defaults.js'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS, count, positiveUpTo } from '../flags.js'
import { grouped } from '../progress.js'
import type { CommandContext } from '../standard-streams.js'
import { print, printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import { KINDS } from './kinds.js'
import type { EvaluateSummary } from './run.js'
import type { Examples } from '../help-examples.js'

export const name = 'evaluate'
export const usage = 'evaluate <labels>'
export const describe = 'Labels against the truth: how well classes are identities'

export const flags = {
  truth: {
    type: 'string',
    demandOption: true,
    describe:
      'Who is who: a folder with one of images for each identity, a CSV of path,label, an NPY file of integers, or a .meta file with one a line; -1 or nothing for no truth',
  },
  'truth-kind': { choices: KINDS, describe: 'What --truth is, where its name does not tell' },
  duplicates: {
    type: 'boolean',
    default: EVALUATE_DEFAULTS.duplicates,
    describe: 'Count removed duplicates, in the class of the image that stays',
  },
  edges: {
    type: 'string',
    describe:
      'Folder with edges, for a curve: what --cluster-thresh would give with --method components, duplicates not removed  [default: edges/ in the labels, if there]',
  },
  step: {
    type: 'string',
    default: String(EVALUATE_DEFAULTS.step),
    coerce: positiveUpTo('step', 1),
    describe: 'Between thresholds of the curve',
  },
  'for-precision': {
    type: 'string',
    coerce: positiveUpTo('for-precision', 1),
    describe: 'Name the lowest threshold with at least this pairwise precision',
  },
  worst: {
    type: 'string',
    default: String(EVALUATE_DEFAULTS.worst),
    coerce: count('worst', 0),
    describe: 'Most mixed classes, and most scattered identities, to name',
  },
  quiet: COMMON_FLAGS.quiet,
  json: {
    type: 'boolean',
    default: false,
    describe: 'Print a summary as JSON instead of the tables',
  },
} as const

export const examples: Examples = [
  ['$0 evaluate labels/ --truth crops/', 'Each image is of the folder that it is in'],
  ['$0 evaluate labels/ --truth truth.csv --for-precision 0.99', 'Which --cluster-thresh to take'],
]

export function builder(yargs: Argv) {
  return yargs
    .positional('labels', {
      type: 'string',
      demandOption: true,
      describe: 'What is judged: a folder of labels, or a CSV, NPY or .meta file as of the truth',
    })
    .options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags> & { labels: string }>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { evaluate } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const summary = await evaluate(args, talk, signal)
  talk.info(describeCompared(summary, args.duplicates))
  if (args.json) await printSummary(summary, streams)
  else {
    const { describeEvaluation } = await import('./table.js')
    await print(describeEvaluation(summary), streams.stdout)
  }
  if (args.forPrecision !== undefined) talk.info(describeChoice(args.forPrecision, summary))
  return EXIT.ok
}

function describeCompared(summary: EvaluateSummary, withDuplicates: boolean): string {
  const { images, compared, duplicates, withoutClass, withoutTruth, notInLabels = 0 } = summary
  const notes = [
    ...(duplicates > 0
      ? [
          `${grouped(duplicates)} duplicates ${withDuplicates ? 'count with the image that stays' : 'are left out'}`,
        ]
      : []),
    ...(withoutClass > 0 ? [`${grouped(withoutClass)} are in no class`] : []),
    ...(withoutTruth > 0 ? [`${grouped(withoutTruth)} have no truth`] : []),
    ...(notInLabels > 0 ? [`${grouped(notInLabels)} of the truth are not in the labels`] : []),
  ]
  const what = `${grouped(compared)} of ${grouped(images)} images compared, ${grouped(summary.classes)} classes with ${grouped(summary.identities)} identities`
  return `${what}${notes.length > 0 ? `: ${notes.join(', ')}` : ''}; in ${summary.seconds.toFixed(1)} s`
}

function describeChoice(precision: number, { forPrecision: point, curve }: EvaluateSummary): string {
  if (!point) return `No threshold of the curve gives a pairwise precision of ${precision}`
  const { threshold, pairwise } = point
  const isFirst = curve?.[0]?.threshold === threshold
  const atFloor = isFirst ? ', and the lowest that these edges tell of: search with a lower --floor' : ''
  return `--cluster-thresh ${threshold} is the lowest with a pairwise precision of ${precision}: ${pairwise.precision.toFixed(4)}, with a recall of ${pairwise.recall.toFixed(4)}${atFloor}`
}
