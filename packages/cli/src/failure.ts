import { inspect } from 'node:util'
import { FacekitError, OptionError, printable } from '@facekit/core'
import { EXIT } from './exit-codes.js'
import { Interruption } from './interruption.js'
import type { Output } from './standard-streams.js'
import { CLEAR_LINE } from './talk.js'

/** What mends an error of the system, wherever it was met. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: make room, and run again.',
  EDQUOT: 'Your share of the disk is used up: make room, and run again.',
  EMFILE: 'This process may not open more files: raise ulimit -n.',
  ENFILE: 'The system may not open more files.',
}

/** Says what went wrong, in one line where it was foreseen. @returns the exit status */
export function sayFailure(error: unknown, stderr: Output): number {
  // What is in the line may be progress.
  const begin = `${stderr.isTTY ? CLEAR_LINE : ''}facekit: `
  const say = (text: string) => stderr.write(`${begin}${printable(text)}\n`)
  if (isSystemError(error) && error.code === 'EPIPE') return EXIT.brokenPipe
  if (error instanceof Interruption) {
    say(error.message)
    return error.status
  }
  const advice = adviceOn(error)
  const said = (message: string) =>
    advice ? `${message.trimEnd().replace(/\.$/, '')}. ${advice}` : message.trimEnd()
  if (error instanceof FacekitError) {
    say(`${said(error.message)} [${error.code}]`)
    return error instanceof OptionError ? EXIT.usage : EXIT.failure
  }
  if (isSystemError(error)) say(said(error.message))
  else stderr.write(`${begin}unexpected error ${inspect(error).split('\n').map(printable).join('\n')}\n`)
  return EXIT.failure
}

/** By the error, or what caused it. */
function adviceOn(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const advice = isSystemError(at) && ADVICE[at.code ?? '']
    if (advice) return advice
  }
  return undefined
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
