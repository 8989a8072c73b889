import { join } from 'node:path'
import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { failuresNameOf } from './failure-log.js'
import { EXTRACT_DEFAULTS } from '../defaults.js'
import { asPart } from '../as-part.js'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS, count, countOrAuto, memorySize, RESUME_FLAG } from '../flags.js'
import { PART_FLAGS, partOf } from '../part-flags.js'
import { printSummary } from '../summary.js'
import type { CommandContext } from '../standard-streams.js'
import { DEVICE_FLAGS, deviceWish } from '../device-flags.js'
import { createTalk } from '../talk.js'
import { WEIGHTS_FLAGS } from '../weights/flags.js'
import type { Examples } from '../help-examples.js'

export const name = 'extract'
export const describe = 'Images to embeddings'

const DEFAULT_OUTPUT = './01_output/current'

export const flags = {
  input: {
    type: 'string',
    default: '01_input/5M_127M_CFSC_data_list.txt',
    describe: 'Folder of images, or a text file with one path per line, or - for such a list on stdin',
  },
  'list-column': {
    type: 'string',
    coerce: count('list-column'),
    describe:
      'Column of the list that holds the path, from 1, with a header or without: separated by TABs, commas or blanks. Left out: each line is a path',
  },
  output: {
    type: 'string',
    describe: `Folder for the NPY files. Left out: an Arrow stream on stdout if that is no terminal, else ${DEFAULT_OUTPUT}`,
  },
  weights: {
    type: 'string',
    demandOption: true,
    describe: 'The model: an ONNX file, or PyTorch weights of an iresnet',
  },
  'batch-size': {
    type: 'string',
    default: EXTRACT_DEFAULTS.batchSize,
    coerce: countOrAuto('batch-size'),
    describe: 'Images per forward pass',
  },
  'num-workers': {
    type: 'string',
    default: EXTRACT_DEFAULTS.numWorkers,
    coerce: countOrAuto('num-workers'),
    describe: 'Images decoded at once; auto: one per core',
  },
  'merge-embs': {
    type: 'boolean',
    default: EXTRACT_DEFAULTS.mergeEmbs,
    describe: 'One merged file set; --no-merge-embs: sets of batch-size rows (auto: 32768)',
  },
  'split-threshold': {
    type: 'string',
    default: String(EXTRACT_DEFAULTS.splitThreshold),
    coerce: count('split-threshold'),
    describe: 'Above this many rows the merged set is split into files of this many rows',
  },
  'output-name': {
    type: 'string',
    describe: 'Output of the model that holds the embedding, where it has several',
  },
  'max-pixels': {
    type: 'string',
    coerce: count('max-pixels'),
    describe: 'Larger images count as failed: they may be decompression bombs',
  },
  'decode-memory': {
    type: 'string',
    coerce: memorySize('decode-memory'),
    describe: 'Memory for decoding, such as 4GB; an image that takes more is decoded alone  [default: 1GiB]',
  },
  cache: {
    type: 'boolean',
    default: EXTRACT_DEFAULTS.cache,
    describe: 'Keep the model made of PyTorch weights for the next run',
  },
  strict: { type: 'boolean', default: false, describe: `Exit with ${EXIT.failedImages} if an image failed` },
  ...PART_FLAGS,
  ...RESUME_FLAG,
  append: {
    type: 'boolean',
    default: false,
    describe:
      'Add the embeddings to those that are in --output, made by the same model in the same way: indices go on after theirs. Images given again are not looked for',
  },
  overwrite: {
    type: 'boolean',
    default: false,
    describe: 'Replace the embeddings that are in --output; without this or --append they are refused',
  },
  'retry-failed': {
    type: 'boolean',
    default: false,
    describe:
      'Try again only what failed in the extract that made --output, and merge what succeeds; --input is not read. The rows are written anew beside the old ones',
  },
  ...WEIGHTS_FLAGS,
  ...DEVICE_FLAGS,
  ...COMMON_FLAGS,
} as const

export const examples: Examples = [
  ['$0 extract --input crops/ --weights model.onnx --output embeddings/', 'A folder to NPY files'],
  [
    '$0 extract --input list.txt --weights model.onnx --use-l2-norm',
    'A list of paths, embeddings of length 1',
  ],
  [
    '$0 extract --input next-week/ --weights model.onnx --output embeddings/ --append',
    'Further images to embeddings that are there',
  ],
  ['$0 extract --input crops/ --weights model.onnx | $0 cluster', 'Labels without files in between'],
]

export function builder(yargs: Argv): Argv<InferredOptionTypes<typeof flags>> {
  return yargs.options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags>>,
  { streams, args: command, signal }: CommandContext,
): Promise<number> {
  const { extract } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const folder =
    args.output === '-' ? undefined : (args.output ?? (streams.stdout.isTTY ? DEFAULT_OUTPUT : undefined))
  const part = partOf(args, process.env)
  const options = { ...args, command, part, output: folder ?? streams.stdout, device: deviceWish(args) }
  const summary = await asPart(folder ?? '', part, () => extract(options, talk, signal))
  const { embedded, images, failed } = summary
  const where = folder === undefined ? '' : `: the embeddings are in ${folder}`
  const failures =
    folder === undefined || failed === 0 ? '' : `, what failed in ${join(folder, failuresNameOf(part))}`
  talk.info(
    `Embedded ${embedded} of ${images} images${failed > 0 ? `, ${failed} failed` : ''}${where}${failures}`,
  )
  if (args.json) await printSummary(summary, streams, folder === undefined ? 'stderr' : 'stdout')
  return args.strict && failed > 0 ? EXIT.failedImages : EXIT.ok
}
