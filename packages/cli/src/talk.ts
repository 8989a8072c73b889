import { printable } from '@facekit/core'
import type { Progress } from './progress.js'
import type { Output } from './standard-streams.js'

/** What a command says to a person, made printable. Everything goes to stderr: stdout is data. */
export interface Talk {
  /** Said unless --quiet. */
  info(line: string): void
  /** Always said. */
  warn(line: string): void
  /**
   * Shown unless --quiet: redrawn in place on a terminal, but for its end alone where another program may draw there; else a
   * line every few seconds.
   */
  progress(progress: Progress): void
}

/** Says nothing. */
export const SILENT: Talk = { info() {}, warn() {}, progress() {} }

const TERMINAL_INTERVAL_MS = 200
const LINE_INTERVAL_MS = 5000
/** Begins the line of a terminal anew. */
export const CLEAR_LINE = '\r\x1b[K'
/** Where a terminal does not say how wide it is, or says 0. */
const TERMINAL_COLUMNS = 80

export function createTalk(stderr: Output, quiet: boolean): Talk {
  const terminal = stderr.isTTY
  const intervalMs = terminal ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS
  // On a log the first line is due after an interval: short runs stay silent.
  let lastMs = terminal ? 0 : Date.now()

  const say = (line: string) => {
    // What is in the line may be another program's.
    stderr.write(`${terminal ? CLEAR_LINE : ''}${printable(line)}\n`)
  }
  return {
    info: (line) => {
      if (!quiet) say(line)
    },
    warn: say,
    progress(progress) {
      const now = Date.now()
      if (quiet || (now - lastMs < intervalMs && !progress.finished)) return
      if (terminal && progress.sharesTerminal && !progress.finished) return
      lastMs = now
      if (!terminal) return say(progress.describe())
      const line = printable(progress.describe()).slice(0, (stderr.columns || TERMINAL_COLUMNS) - 1)
      stderr.write(`${CLEAR_LINE}${line}${progress.finished ? '\n' : ''}`)
    },
  }
}
