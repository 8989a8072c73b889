import { sayPart } from '@facekit/core'
import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { SEARCH_DEFAULTS } from '../defaults.js'
import { asPart } from '../as-part.js'
import { deviceWish } from '../device-flags.js'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS, RESUME_FLAG } from '../flags.js'
import { grouped } from '../progress.js'
import type { CommandContext } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import { PART_FLAGS, partOf } from '../part-flags.js'
import { DEFAULT_INPUT, MEMORY_FLAG, SEARCH_FLAGS } from './flags.js'
import type { Examples } from '../help-examples.js'

export const name = 'search'
export const describe = 'Embeddings to edges: all pairs that are similar enough, stored'

export const flags = {
  input: { type: 'string', default: DEFAULT_INPUT, describe: 'Folder with the NPY files of extract' },
  output: { type: 'string', default: './02_output/edges', describe: 'Folder for the edges' },
  ...SEARCH_FLAGS,
  floor: { ...SEARCH_FLAGS.floor, default: String(SEARCH_DEFAULTS.floor) },
  ...MEMORY_FLAG,
  ...PART_FLAGS,
  ...RESUME_FLAG,
  ...COMMON_FLAGS,
} as const

export const examples: Examples = [
  ['$0 search --input embeddings/ --output edges/ --floor 0.5', 'Once'],
  [
    '$0 label --input embeddings/ --edges edges/ --output labels/ --cluster_thresh 0.6',
    'And then labels by any thresholds from the floor up',
  ],
]

export function builder(yargs: Argv): Argv<InferredOptionTypes<typeof flags>> {
  return yargs.options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags>>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { search } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const part = partOf(args, process.env)
  const options = { ...args, part, device: deviceWish(args) }
  const summary = await asPart(args.output, part, () => search(options, talk, signal))
  const { images, edges, seconds } = summary
  const what = part
    ? `part ${sayPart(part)}, ${grouped(edges)} pairs that may be edges`
    : `${grouped(edges)} edges`
  talk.info(
    `${images} images: ${what}, of cosine ${args.floor} or more, in ${seconds.toFixed(1)} s: see ${args.output}`,
  )
  if (args.json) await printSummary(summary, streams)
  return EXIT.ok
}
