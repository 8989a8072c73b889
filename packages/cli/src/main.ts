import { OptionError } from '@facekit/core'
import yargs from 'yargs'
import * as clusterCommand from './cluster/command.js'
import { EXIT } from './exit-codes.js'
import { COMPLETION_FLAG, completionsOf, describeCompletions, type CommandSketch } from './completion.js'
import * as convertCommand from './convert/command.js'
import * as doctorCommand from './doctor/command.js'
import * as evaluateCommand from './evaluate/command.js'
import * as extractCommand from './extract/command.js'
import * as labelCommand from './label/command.js'
import * as searchCommand from './search/command.js'
import { sayFailure } from './failure.js'
import { canonicalFlags } from './flags.js'
import { describeExamples, type Examples } from './help-examples.js'
import { ownVersion } from './own-version.js'
import * as reportCommand from './report/command.js'
import { silence, type StandardStreams } from './standard-streams.js'
import * as statusCommand from './status/command.js'
import * as submitCommand from './submit/command.js'
import * as thresholdsCommand from './thresholds/command.js'

const EXAMPLES: Examples = [
  ['$0 extract --input crops/ --weights model.onnx | $0 cluster --output labels/', 'Crops to labels'],
]

const COMPLETION = { name: 'completion', describe: 'Print a completion script for bash or zsh', flags: {} }

const COMMANDS = new Map<string, CommandSketch>(
  [
    extractCommand,
    clusterCommand,
    searchCommand,
    labelCommand,
    thresholdsCommand,
    evaluateCommand,
    reportCommand,
    submitCommand,
    statusCommand,
    convertCommand,
    doctorCommand,
    COMPLETION,
  ].map((command) => [command.name, command]),
)

/** Where the program reads and writes, and what stops it. */
export interface MainOptions {
  /** Stops the work, with an `Interruption` as its reason. */
  signal?: AbortSignal | undefined
  /** The process's own where left out. */
  streams?: StandardStreams | undefined
}

/**
 * Runs the program.
 *
 * @param args the command line without the program
 * @returns the exit status; what went wrong has been said on stderr
 */
export async function main(
  args: readonly string[],
  { signal, streams = process }: MainOptions = {},
): Promise<number> {
  const { stdout, stderr } = streams
  const context = { streams, args, signal }
  let status: number = EXIT.ok
  silence(stdout, stderr)
  try {
    if (args[0] === COMPLETION_FLAG) {
      const completions = completionsOf(args.slice(1), COMMANDS)
      stdout.write(describeCompletions(completions, process.env['ZSH_NAME'] ?? process.env['SHELL']))
      return EXIT.ok
    }
    await yargs()
      .scriptName('facekit')
      .usage('$0 <command>\n\nMillions of unlabelled face crops to training labels.')
      .command(extractCommand.name, extractCommand.describe, extractCommand.builder, async (argv) => {
        status = await extractCommand.handler(argv, context)
      })
      .command(clusterCommand.name, clusterCommand.describe, clusterCommand.builder, async (argv) => {
        status = await clusterCommand.handler(argv, context)
      })
      .command(searchCommand.name, searchCommand.describe, searchCommand.builder, async (argv) => {
        status = await searchCommand.handler(argv, context)
      })
      .command(labelCommand.name, labelCommand.describe, labelCommand.builder, async (argv) => {
        status = await labelCommand.handler(argv, context)
      })
      .command(
        thresholdsCommand.usage,
        thresholdsCommand.describe,
        thresholdsCommand.builder,
        async (argv) => {
          status = await thresholdsCommand.handler(argv, context)
        },
      )
      .command(evaluateCommand.usage, evaluateCommand.describe, evaluateCommand.builder, async (argv) => {
        status = await evaluateCommand.handler(argv, context)
      })
      .command(reportCommand.usage, reportCommand.describe, reportCommand.builder, async (argv) => {
        status = await reportCommand.handler(argv, context)
      })
      .command(submitCommand.usage, submitCommand.describe, submitCommand.builder, async (argv) => {
        status = await submitCommand.handler(argv, context)
      })
      .command(statusCommand.usage, statusCommand.describe, statusCommand.builder, async (argv) => {
        status = await statusCommand.handler(argv, context)
      })
      .command(convertCommand.usage, convertCommand.describe, convertCommand.builder, async (argv) => {
        status = await convertCommand.handler(argv, context)
      })
      .command(doctorCommand.name, doctorCommand.describe, doctorCommand.builder, async (argv) => {
        status = await doctorCommand.handler(argv, context)
      })
      .completion(COMPLETION.name, COMPLETION.describe)
      .epilogue('Flags may be written --like-this, --like_this or --likeThis.')
      .demandCommand(1, `Name a command: ${[...COMMANDS.keys()].join(', ')}`)
      .recommendCommands()
      .strict()
      .version(ownVersion())
      .wrap(Math.min(100, stdout.columns ?? 100))
      .exitProcess(false)
      .fail((message, error) => {
        // Errors of a command come this way too; those of yargs are about the command line.
        if (error && error.name !== 'YError') throw error
        throw new OptionError(`${sentence(message ?? error.message)} See facekit --help.`)
      })
      // Help, the version and the script for completion; without this function yargs prints them itself.
      .parseAsync(canonicalArgs(args), {}, (_error, argv, output) => {
        if (output) stdout.write(`${output}\n`)
        if (output && argv['help']) stdout.write(describeExamples(examplesOf(args)))
      })
    return status
  } catch (error) {
    return sayFailure(error, stderr)
  }
}

/** Of the command on the command line, or of the program. */
function examplesOf(args: readonly string[]): Examples {
  return COMMANDS.get(args.find((arg) => COMMANDS.has(arg)) ?? '')?.examples ?? EXAMPLES
}

/** yargs breaks some of its messages into lines, and ends some with a full stop. */
function sentence(message: string): string {
  const line = message.trim().replaceAll(/\n\s*/g, ' ')
  return /[.!?]$/.test(line) ? line : `${line}.`
}

/** Puts the command first, also where flags stand before it, and its flags into their usual spelling. */
function canonicalArgs(args: readonly string[]): string[] {
  const at = args.findIndex((arg) => COMMANDS.has(arg))
  if (at === -1) {
    // yargs would complete the line, and fail at some.
    if (args.some((arg) => arg.includes(COMPLETION_FLAG.slice(2))))
      throw new OptionError(`Expected ${COMPLETION_FLAG} before all other words`)
    // yargs does not look at what follows this.
    return args.filter((arg) => arg !== '--')
  }
  const command = args[at]!
  const { flags, takesMore } = COMMANDS.get(command)!
  return [command, ...canonicalFlags(args.toSpliced(at, 1), flags, takesMore)]
}
