import { fstatSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { DEVICE_FLAGS, deviceWish } from '../device-flags.js'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS, cosine, count, countOrAll, memorySize } from '../flags.js'
import type { CommandContext, Input } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import { defaultMemoryLimit } from './memory.js'

export const name = 'cluster'
export const describe = 'Embeddings to training labels'

const DEFAULT_INPUT = './02_input/extrac_full'

export const flags = {
  input: {
    type: 'string',
    describe: `Folder with the NPY files of extract. Left out: its stream on stdin if that is a pipe, else ${DEFAULT_INPUT}`,
  },
  output: { type: 'string', default: './02_output/current', describe: 'Folder for the labels' },
  ...DEVICE_FLAGS,
  'remove-duplicates': {
    type: 'boolean',
    default: true,
    describe: 'Keep one image of each set of duplicates',
  },
  'duplicate-thresh': {
    type: 'string',
    default: '0.9',
    coerce: cosine('duplicate-thresh'),
    describe: 'Cosine at or above which two images are duplicates',
  },
  'cluster-thresh': {
    type: 'string',
    default: '0.7',
    coerce: cosine('cluster-thresh'),
    describe: 'Cosine at or above which two images are the same person',
  },
  'top-k': {
    type: 'string',
    default: '100',
    coerce: countOrAll('top-k'),
    describe: 'Neighbors per image, the image itself counted; all: every pair',
  },
  'memory-limit': {
    type: 'string',
    coerce: memorySize('memory-limit'),
    describe:
      'Memory, such as 4GB, beside 300 MB for the program; more is kept in files  [default: half of the memory]',
  },
  threads: {
    type: 'string',
    coerce: count('threads'),
    describe: 'Threads of the search on the CPU  [default: one per core]',
  },
  batch: {
    type: 'string',
    default: '20000000',
    coerce: count('batch'),
    describe: 'Rows per search chunk, at most; searches take far fewer at once by themselves',
  },
  'save-groups': {
    type: 'string',
    default: '50',
    coerce: count('save-groups', 0),
    describe: 'Largest classes to save previews of; 0 for none',
  },
  engine: {
    choices: ['auto', 'screened', 'tiles', 'faiss'] as const,
    default: 'auto' as const,
    describe:
      'screened: int8 tiles checked in float32; tiles: float32 tiles; faiss: FAISS IndexFlatIP. Same result; auto: screened',
  },
  ...COMMON_FLAGS,
} as const

export function builder(yargs: Argv): Argv<InferredOptionTypes<typeof flags>> {
  return yargs
    .options(flags)
    .example('$0 cluster --input embeddings/ --output labels/', 'NPY files to labels')
    .example(
      '$0 cluster --input embeddings/ --cluster_thresh 0.6 --no-remove_duplicates',
      'Looser, duplicates kept',
    )
    .example('$0 extract --input crops/ --weights model.onnx | $0 cluster --output labels/', 'As a pipe')
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags>>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { cluster } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const folder =
    args.input === '-' ? undefined : (args.input ?? (isPiped(streams.stdin) ? undefined : DEFAULT_INPUT))
  if (args.removeDuplicates && args.duplicateThresh < args.clusterThresh) {
    talk.warn(
      'All pictures of a person count as duplicates, since --duplicate-thresh is below --cluster-thresh: one of each is kept',
    )
  }
  const summary = await cluster(
    {
      ...args,
      input: folder ?? streams.stdin,
      memoryLimit: args.memoryLimit ?? defaultMemoryLimit(),
      threads: args.threads ?? availableParallelism(),
      device: deviceWish(args),
    },
    talk,
    signal,
  )
  const { images, classes, labelled, duplicates, seconds } = summary
  talk.info(
    `${images} images: ${classes} classes of ${labelled} images, ${duplicates} duplicates removed, in ${seconds.toFixed(1)} s: see ${args.output}`,
  )
  if (args.json) await printSummary(summary, streams)
  return EXIT.ok
}

/** A terminal or /dev/null is not; a pipe, a socket or a redirected file is, as is a stream without a descriptor. */
function isPiped({ fd }: Input): boolean {
  if (fd === undefined) return true
  const stats = fstatSync(fd)
  return stats.isFIFO() || stats.isSocket() || stats.isFile()
}
