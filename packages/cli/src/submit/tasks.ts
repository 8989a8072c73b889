import type { Options } from 'yargs'
import * as extractCommand from '../extract/command.js'
import type { Flags } from '../flags.js'
import * as labelCommand from '../label/command.js'
import * as searchCommand from '../search/command.js'
import { STAGES, type Stage } from '../run-layout.js'

const FLAGS_OF: Readonly<Record<Stage, Flags>> = {
  extract: extractCommand.flags,
  search: searchCommand.flags,
  label: labelCommand.flags,
}

/** What the scripts say themselves, and what is for people who watch. */
const NOT_PASSED_ON = new Set(
  'input output edges part parts resume append overwrite retry-failed dry-run quiet json'.split(' '),
)

/** Flags of all stages, as they are typed: each stage looks at its own, and has its own defaults. */
export const TASK_FLAGS: Flags = Object.fromEntries(
  STAGES.flatMap((stage) => Object.entries(FLAGS_OF[stage]))
    .filter(([name]) => !NOT_PASSED_ON.has(name))
    .map(([name, flag]) => [name, asTyped(flag)]),
)

function asTyped({ type, choices, demandOption, default: preset, describe = '' }: Options): Options {
  const isSaid = preset === undefined || preset === false || describe.includes('[default:')
  return {
    describe: isSaid ? describe : `${describe}  [default: ${String(preset)}]`,
    ...(type && { type }),
    ...(choices && { choices }),
    ...(demandOption && { demandOption }),
  }
}

/**
 * The flags of a stage that were given, as words of its command line.
 *
 * @param given values by the names of flags, as yargs has them
 */
export function wordsFor(stage: Stage, given: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(FLAGS_OF[stage])
    .filter((name) => name in TASK_FLAGS && given[name] !== undefined)
    .map((name) => {
      const value = given[name]
      if (typeof value === 'boolean') return value ? `--${name}` : `--no-${name}`
      return `--${name}=${String(value)}`
    })
}
