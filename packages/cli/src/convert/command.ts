import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS } from '../flags.js'
import type { CommandContext } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import { createTalk } from '../talk.js'
import { WEIGHTS_FLAGS } from '../weights/flags.js'
import type { Examples } from '../help-examples.js'

export const name = 'convert'
export const usage = 'convert <weights> <model>'
export const describe = 'PyTorch weights of an iresnet to an ONNX model'

export const flags = {
  outputs: {
    type: 'array',
    choices: ['embedding', 'features', 'features_embedding'] as const,
    describe:
      'What the model gives: the embedding, the features before its last layer, both in a row  [default: embedding]',
  },
  ...WEIGHTS_FLAGS,
  ...COMMON_FLAGS,
} as const

export const examples: Examples = [
  ['$0 convert model.pth model.onnx', 'For any tool that reads ONNX'],
  ['$0 convert model.pth small.onnx --precision int8 --calibration crops/', '8-bit weights'],
]

export function builder(yargs: Argv) {
  return yargs
    .positional('weights', { type: 'string', demandOption: true, describe: 'PyTorch weights' })
    .positional('model', { type: 'string', demandOption: true, describe: 'ONNX file to write' })
    .options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags> & { weights: string; model: string }>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { convert } = await import('./run.js')
  const talk = createTalk(streams.stderr, args.quiet)
  const summary = await convert({ ...args, precision: args.precision, channels: args.channels }, talk, signal)
  const { model, dialect, depths, size, bnEps, bytes, seconds } = summary
  talk.info(
    `Wrote ${model}: iresnet (${dialect}, blocks ${depths}, ${size} pixels, batch norm epsilon ${bnEps}), ${(bytes / 1e6).toFixed(1)} MB, in ${seconds.toFixed(1)} s`,
  )
  if (args.json) await printSummary(summary, streams)
  return EXIT.ok
}
