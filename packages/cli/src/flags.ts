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

/** Of commands that record their progress. Left out, an unfinished run is neither gone on with nor dropped. */
export const RESUME_FLAG = {
  resume: {
    type: 'boolean',
    describe:
      'Go on where an unfinished run in the output folder was, or begin; --no-resume drops it. Left out, it is refused',
  },
} as const satisfies Flags

const ALWAYS_KNOWN = ['help', 'version']

/** A typo of this many letters still gets a suggestion. */
const MAX_TYPO = 4

/**
 * Gives every flag its kebab-case spelling and its value with `=`: `--topK 5`, `--top_k=5` and `--top-k 5` are one, as
 * are `--no_use_gpu` and `--use-gpu False`.
 *
 * @throws OptionError for an unknown flag, with the most similar known one; for a flag given twice; for a value that is
 * missing or empty; for words after `--`, unless the command takes more
 */
export function canonicalFlags(args: readonly string[], flags: Flags, takesMore = false): string[] {
  const canonical: string[] = []
  const seen = new Set<string>()
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    // yargs does not look at what follows.
    if (arg === '--') {
      if (at + 1 === args.length) return canonical
      if (takesMore) return [...canonical, ...args.slice(at)]
      throw new OptionError(
        `Expected nothing after -- but received ${args[at + 1]}. Write ./ before the name of a file that begins with -.`,
      )
    }
    if (!arg.startsWith('--')) {
      canonical.push(arg)
      continue
    }
    const { name, type, negated, value } = parseFlag(arg, flags)
    // One that begins with -- is written with =.
    const next = args[at + 1]?.startsWith('--') ? undefined : args[at + 1]
    if (type === 'array') {
      // The values stay where they are: yargs collects them.
      checkValue(name, value ?? next)
      canonical.push(value === undefined ? `--${name}` : `--${name}=${value}`)
      continue
    }
    if (seen.has(name)) throw new OptionError(`Expected --${name} once but received it again`)
    seen.add(name)
    // yargs would take `False` for an argument of its own, and `-5` for a flag.
    const takesNext = value === undefined && (type === 'boolean' ? isTrueOrFalse(next) : true)
    if (takesNext) at++
    const given = takesNext ? next : value
    if (type === 'boolean') canonical.push(booleanFlag(name, negated, given))
    else canonical.push(`--${name}=${checkValue(name, given)}`)
  }
  return canonical
}

interface GivenFlag {
  name: string
  type: 'boolean' | 'array' | 'value'
  negated: boolean
  value: string | undefined
}

function parseFlag(arg: string, flags: Flags): GivenFlag {
  const [given = '', ...value] = arg.slice(2).split('=')
  const known = [...Object.keys(flags), ...ALWAYS_KNOWN]
  const typeOf = (name: string) => (ALWAYS_KNOWN.includes(name) ? 'boolean' : flags[name]?.type)
  const name = kebabCase(given)
  const negated = !known.includes(name) && name.startsWith('no-') && typeOf(name.slice(3)) === 'boolean'
  const positive = negated ? name.slice(3) : name
  if (!known.includes(positive)) {
    throw new OptionError(`Unknown flag --${given}.${suggestion(name.replace(/^no-/, ''), known)}`)
  }
  const type = typeOf(positive)
  return {
    name: positive,
    type: type === 'boolean' || type === 'array' ? type : 'value',
    negated,
    value: value.length === 0 ? undefined : value.join('='),
  }
}

function checkValue(name: string, value: string | undefined): string {
  if (value === undefined) throw new OptionError(`Expected a value for --${name} but received none`)
  if (value === '') throw new OptionError(`Expected a value for --${name} but received an empty one`)
  return value
}

function isTrueOrFalse(value: string | undefined): boolean {
  return value !== undefined && ['true', 'false'].includes(value.toLowerCase())
}

function booleanFlag(name: string, negated: boolean, value: string | undefined): string {
  if (value === undefined) return negated ? `--no-${name}` : `--${name}`
  if (negated) throw new OptionError(`Expected no value for --no-${name} but received ${value}`)
  if (!isTrueOrFalse(value))
    throw new OptionError(`Expected true or false for --${name} but received ${value}`)
  return value.toLowerCase() === 'true' ? `--${name}` : `--no-${name}`
}

/** The name of a flag, however it is spelled; undefined for any other word. */
export function flagName(word: string): string | undefined {
  return word.startsWith('--') ? kebabCase(word.slice(2).split('=')[0]!) : undefined
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
  return (value) => (value === 'auto' ? 'auto' : wholeNumber(name, value, 1, ', or auto,'))
}

/** For `coerce`: a whole number from 1, or `all`, which is Infinity. */
export function countOrAll(name: string): (value: string) => number {
  return (value) => (value === 'all' ? Infinity : wholeNumber(name, value, 1, ', or all,'))
}

/** For `coerce`: a whole number. */
export function count(name: string, from: 0 | 1 = 1): (value: string) => number {
  return (value) => wholeNumber(name, value, from)
}

function wholeNumber(name: string, value: string, from: number, orElse = ''): number {
  const number = toNumber(value)
  if (Number.isSafeInteger(number) && number >= from) return number
  throw new OptionError(`Expected a whole number from ${from}${orElse} for --${name} but received ${value}`)
}

/** For `coerce`: a cosine. */
export function cosine(name: string): (value: string) => number {
  return (value) => {
    const number = toNumber(value)
    if (!(number >= -1 && number <= 1)) {
      throw new OptionError(`Expected a cosine between -1 and 1 for --${name} but received ${value}`)
    }
    return number
  }
}

/** For `coerce`: a cosine, or `auto`. */
export function cosineOrAuto(name: string): (value: string) => number | 'auto' {
  const toCosine = cosine(name)
  return (value) => (value === 'auto' ? 'auto' : toCosine(value))
}

/** For `coerce`: a number above 0. */
export function positiveUpTo(name: string, most: number): (value: string) => number {
  return (value) => {
    const number = toNumber(value)
    if (number > 0 && number <= most) return number
    throw new OptionError(`Expected a number above 0, up to ${most}, for --${name} but received ${value}`)
  }
}

/** For `coerce`: one number or three, separated by commas. */
export function oneOrThreeNumbers(name: string): (value: string) => number[] {
  return (value) => {
    const numbers = value.split(',').map(toNumber)
    if ((numbers.length !== 1 && numbers.length !== 3) || !numbers.every(Number.isFinite)) {
      throw new OptionError(
        `Expected one number or three separated by commas for --${name} but received ${value}`,
      )
    }
    return numbers.length === 1 ? [numbers[0]!, numbers[0]!, numbers[0]!] : numbers
  }
}

/** For `coerce`: `112`, or `112x96`, which is width x height. */
export function pixelSize(name: string): (value: string) => { width: number; height: number } {
  return (value) => {
    const sides = value.split('x')
    const [width, height = width] = sides.map(toNumber)
    if (sides.length <= 2 && isSide(width) && isSide(height)) return { width, height }
    throw new OptionError(
      `Expected a size in pixels, such as 112 or, width x height, 112x96, for --${name} but received ${value}`,
    )
  }
}

function isSide(pixels: number | undefined): pixels is number {
  return pixels !== undefined && Number.isSafeInteger(pixels) && pixels >= 1
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
}

/** Less is not worth the trouble. */
const MIN_BYTES = 2 ** 26

/** For `coerce`: a number of bytes such as 4GB or 512MiB. */
export function memorySize(name: string): (value: string) => number {
  return (value) => {
    const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(value) ?? []
    const factor = UNITS[unit.toUpperCase()]
    const bytes = Number(number) * (factor ?? NaN)
    if (!(bytes >= MIN_BYTES)) {
      throw new OptionError(
        `Expected a size such as 4GB, from ${MIN_BYTES / 2 ** 20}MiB, for --${name} but received ${value}`,
      )
    }
    return Math.floor(bytes)
  }
}

/** NaN for a blank: `Number` takes it for 0. */
function toNumber(text: string): number {
  return text.trim() === '' ? NaN : Number(text)
}
