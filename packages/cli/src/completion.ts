import { flagName, type Flags } from './flags.js'
import type { Examples } from './help-examples.js'

/** What the scripts that yargs prints for shells ask with; the words of the command line follow. */
export const COMPLETION_FLAG = '--get-yargs-completions'

/** What can be said of a command before it runs. */
export interface CommandSketch {
  name: string
  describe: string
  flags: Flags
  /** Whether words after `--` are for it. */
  takesMore?: boolean
  examples?: Examples
}

export interface Completion {
  word: string
  describe: string
}

const COMMON: Flags = {
  help: { type: 'boolean', describe: 'Show help' },
  version: { type: 'boolean', describe: 'Show version number' },
}

/**
 * What may come next on a command line that is not finished. yargs would parse it, and fail at values that are half
 * written; this looks at words, and takes any. Where there is none to give, shells complete names of files.
 *
 * @param words of the command line, the program first; the last, perhaps empty, is being written
 */
export function completionsOf(
  words: readonly string[],
  commands: ReadonlyMap<string, CommandSketch>,
): Completion[] {
  const before = words.slice(1, -1)
  const current = words.at(-1) ?? ''
  const command = commands.get(before.find((word) => commands.has(word)) ?? '')
  const flags = new Map(Object.entries({ ...command?.flags, ...COMMON }))

  const previous = before.at(-1) ?? ''
  const due = previous.includes('=') ? undefined : flags.get(flagName(previous) ?? '')
  if (due?.choices) return due.choices.map((choice) => ({ word: String(choice), describe: '' }))
  if (due && due.type !== 'boolean') return []

  const isFlag = current.startsWith('-')
  if (!command && !isFlag)
    return [...commands.values()].map(({ name, describe }) => ({ word: name, describe }))
  if (!isFlag && current !== '') return []
  const given = new Set(before.map(flagName))
  return [...flags].flatMap(([name, { type, default: preset, describe = '' }]) => {
    const names = type === 'boolean' && preset === true ? [name, `no-${name}`] : [name]
    return names.some((one) => given.has(one)) ? [] : names.map((one) => ({ word: `--${one}`, describe }))
  })
}

/** One a line, as the script for the shell of the environment expects it. */
export function describeCompletions(completions: readonly Completion[], shell: string | undefined): string {
  return completions.map((completion) => `${forShell(completion, shell ?? '')}\n`).join('')
}

function forShell({ word, describe }: Completion, shell: string): string {
  if (describe !== '' && shell.includes('zsh')) return `${word.replaceAll(':', '\\:')}:${describe}`
  if (describe !== '' && shell.includes('fish')) return `${word}\t${describe}`
  return word
}
