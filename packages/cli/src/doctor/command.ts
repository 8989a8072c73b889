import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from 'yargs'
import { EXIT } from '../exit-codes.js'
import { COMMON_FLAGS } from '../flags.js'
import { orStopped } from '../interruption.js'
import type { CommandContext } from '../standard-streams.js'
import { printSummary } from '../summary.js'
import type { Examples } from '../help-examples.js'

export const name = 'doctor'
export const describe = 'What this machine has and what facekit can use of it: for bug reports'

export const flags = { json: COMMON_FLAGS.json } as const

export const examples: Examples = [
  ['$0 doctor', 'A report to read'],
  ['$0 doctor --json', 'The same for programs'],
]

export function builder(yargs: Argv): Argv<InferredOptionTypes<typeof flags>> {
  return yargs.options(flags)
}

export async function handler(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof flags>>,
  { streams, signal }: CommandContext,
): Promise<number> {
  const { describeExamination, examine } = await import('./run.js')
  const examination = await orStopped(examine(), signal)
  if (args.json) await printSummary(examination, streams)
  else streams.stdout.write(describeExamination(examination))
  return EXIT.ok
}
