import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { EXIT } from '../exit-codes.js'
import type { CommandContext } from '../standard-streams.js'
import { print, printSummary } from '../summary.js'
import { STAGES } from '../run-layout.js'
import type { Examples } from '../help-examples.js'

export const name = 'status'
export const usage = 'status <run>'
export const describe = 'How far a run over many machines is'

export const flags = {
  missing: {
    choices: STAGES,
    describe: 'Print only the numbers of the parts of a stage that are neither there nor being made',
  },
  json: { type: 'boolean', default: false, describe: 'Print it as JSON instead of a table' },
} as const

export const examples: Examples = [
  ['$0 status run/', 'From the files alone, on any machine'],
  ['$0 status run/ --missing search', 'For scripts'],
]

export function builder(yargs: Argv) {
  return yargs
    .positional('run', {
      type: 'string',
      demandOption: true,
      describe: 'Folder with embeddings/, edges/ and labels/, as submit makes it',
    })
    .options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags> & { run: string }>,
  { streams }: CommandContext,
): Promise<number> {
  const { lookAtRun } = await import('./run.js')
  const { describeRun } = await import('./table.js')
  const summary = await lookAtRun(args.run)
  if (args.missing) await print(`${summary.stages[args.missing].missing.join(' ')}\n`, streams.stdout)
  else if (args.json) await printSummary(summary, streams)
  else await print(describeRun(summary), streams.stdout)
  return EXIT.ok
}
