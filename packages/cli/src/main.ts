import { inspect } from 'node:util'
import { FacekitError, OptionError } from '@facekit/core'
import yargs from 'yargs'
import * as clusterCommand from './cluster/command.js'
import { EXIT } from './exit-codes.js'
import * as convertCommand from './convert/command.js'
import * as doctorCommand from './doctor/command.js'
import * as extractCommand from './extract/command.js'
import { canonicalFlags, type Flags } from './flags.js'
import { Interruption, orStopped } from './interruption.js'
import { ownVersion } from './own-version.js'
import { printable } from './printable.js'
import { silence, type Output, type StandardStreams } from './standard-streams.js'

const FLAGS_OF = new Map<string, Flags>(
  [extractCommand, clusterCommand, convertCommand, doctorCommand].map(({ name, flags }) => [name, flags]),
)

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
  const context = { streams, signal }
  let status: number = EXIT.ok
  silence(stdout, stderr)
  try {
    await yargs()
      .scriptName('facekit')
      .usage('$0 <command>\n\nMillions of unlabelled face crops to training labels.')
      .command(extractCommand.name, extractCommand.describe, extractCommand.builder, async (argv) => {
        status = await extractCommand.handler(argv, context)
      })
      .command(clusterCommand.name, clusterCommand.describe, clusterCommand.builder, async (argv) => {
        status = await clusterCommand.handler(argv, context)
      })
      .command(convertCommand.usage, convertCommand.describe, convertCommand.builder, async (argv) => {
        status = await convertCommand.handler(argv, context)
      })
      .command(doctorCommand.name, doctorCommand.describe, doctorCommand.builder, async (argv) => {
        status = await doctorCommand.handler(argv, context)
      })
      .completion('completion', 'Print a completion script for bash or zsh')
      .example(
        '$0 extract --input crops/ --weights model.onnx | $0 cluster --output labels/',
        'Crops to labels',
      )
      .epilogue('Flags may be written --like-this, --like_this or --likeThis.')
      .demandCommand(1, 'Name a command: extract, cluster, convert or doctor')
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
      // Help, the version and completions; without this function yargs prints them itself.
      .parseAsync(canonicalArgs(args), {}, (_error, _argv, output) => {
        if (output) stdout.write(`${output}\n`)
      })
    return status
  } catch (error) {
    return report(error, stderr)
  }
}

/** yargs breaks some of its messages into lines, and ends some with a full stop. */
function sentence(message: string): string {
  const line = message.trim().replaceAll(/\n\s*/g, ' ')
  return /[.!?]$/.test(line) ? line : `${line}.`
}

/** Puts the command first, also where flags stand before it, and its flags into their usual spelling. */
function canonicalArgs(args: readonly string[]): string[] {
  const at = args.findIndex((arg) => FLAGS_OF.has(arg))
  // Completion is asked about a command line that is not finished.
  if (at === -1 || args[0] === '--get-yargs-completions') return [...args]
  const command = args[at]!
  return [command, ...canonicalFlags(args.toSpliced(at, 1), FLAGS_OF.get(command)!)]
}

function report(error: unknown, stderr: Output): number {
  const say = (text: string) => stderr.write(`facekit: ${printable(text)}\n`)
  if (isBrokenPipe(error)) return EXIT.brokenPipe
  if (error instanceof Interruption) {
    say(error.message)
    return error.status
  }
  if (error instanceof FacekitError) {
    say(`${error.message.trimEnd()} [${error.code}]`)
    return error instanceof OptionError ? EXIT.usage : EXIT.failure
  }
  if (isSystemError(error)) say(error.message)
  else stderr.write(`facekit: unexpected error ${inspect(error).split('\n').map(printable).join('\n')}\n`)
  return EXIT.failure
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

function isBrokenPipe(error: unknown): boolean {
  return isSystemError(error) && error.code === 'EPIPE'
}
