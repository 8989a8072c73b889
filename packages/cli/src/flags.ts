import { OptionError } from '@facekit/core'
import { closest, distance } from 'fastest-levenshtein'
import type { Options } from 'yargs'

export type Flags = Readonly<Record<string, Options>>

/** Flags that every command has. */
export const COMMON_FLAGS = {
  quiet: { type: 'boolean', default: false, describe: 'Say only warnings and errors' },
  json: {
    type: 'boolean',
    default: false,
    describe: 'Print a summary as JSON at the end: on stdout, or on stderr where stdout carries embeddings',
  },
} as const satisfies Flags

const ALWAYS_KNOWN = ['help', 'version']

/** A typo of this many letters still gets a suggestion. */
const MAX_TYPO = 4

/**
 * Gives every flag its kebab-case spelling: `--topK`, `--top_k` and `--top-k` are one, as are `--no_use_gpu` and
 * `--no-use-gpu`.
 *
 * @throws OptionError for an unknown flag, with the most similar known one
 */
export function canonicalFlags(args: readonly string[], flags: Flags): string[] {
  const known = [...Object.keys(flags), ...ALWAYS_KNOWN]
  const end = args.indexOf('--')
  return args.flatMap((arg, at) => {
    if (end !== -1 && at >= end) return [arg]
    // Taken for an argument of its own by yargs.
    if (arg === '-') return []
    if (!arg.startsWith('--')) return [arg]
    const [given = '', ...value] = arg.slice(2).split('=')
    const name = kebabCase(given)
    const positive = name.startsWith('no-') && !known.includes(name) ? name.slice(3) : name
    if (!known.includes(positive))
      throw new OptionError(`Unknown flag --${given}.${suggestion(positive, known)}`)
    if (value.length === 0 && args[at + 1] === '-') value.push('-')
    return [[`--${name}`, ...value].join('=')]
  })
}

function kebabCase(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()
}

function suggestion(name: string, known: readonly string[]): string {
  const best = closest(name, known)
  if (distance(name, best) <= MAX_TYPO) return ` Did you mean --${best}?`
  return ' See --help for the flags there are.'
}

/** For `coerce`: a whole number from 1, or `auto`. */
export function countOrAuto(name: string): (value: string) => number | 'auto' {
  return (value) => (value === 'auto' ? 'auto' : count(name)(value))
}

/** For `coerce`: a whole number from 1, or `all`, which is Infinity. */
export function countOrAll(name: string): (value: string) => number {
  return (value) => (value === 'all' ? Infinity : count(name)(value))
}

/** For `coerce`: a whole number from 1. */
export function count(name: string): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (!Number.isSafeInteger(number) || number < 1) {
      throw new OptionError(`Expected a whole number from 1 for --${name} but received ${value}`)
    }
    return number
  }
}

/** For `coerce`: a cosine. */
export function cosine(name: string): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (String(value).trim() === '' || !(number >= -1 && number <= 1)) {
      throw new OptionError(`Expected a cosine between -1 and 1 for --${name} but received ${value}`)
    }
    return number
  }
}

/** For `coerce`: one number or three, separated by commas. */
export function oneOrThreeNumbers(name: string): (value: string) => number[] {
  return (value) => {
    const numbers = value.split(',').map(Number)
    if ((numbers.length !== 1 && numbers.length !== 3) || !numbers.every(Number.isFinite)) {
      throw new OptionError(
        `Expected one number or three separated by commas for --${name} but received ${value}`,
      )
    }
    return numbers.length === 1 ? [numbers[0]!, numbers[0]!, numbers[0]!] : numbers
  }
}
