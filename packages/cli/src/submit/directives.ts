import { OptionError } from '@facekit/core'
import type { ClusterRun } from './scripts.js'

/** What every job asks for; values as sbatch takes them. */
export interface Resources {
  partition?: string | undefined
  time?: string | undefined
  gpusPerTask?: string | undefined
  cpusPerTask?: number | undefined
  mem?: string | undefined
  /** Further words for sbatch. */
  sbatchWords: readonly string[]
}

/** Minutes below which a task would be told of its end when it has hardly begun, and go back for ever. */
const LEAST_MINUTES = 5

/** @throws OptionError for a time that is too short, and for what does not fit into a line */
export function directivesOf(resources: Resources): ClusterRun['directives'] {
  const { partition, time, gpusPerTask, cpusPerTask, mem, sbatchWords } = resources
  const minutes = minutesOf(time ?? '')
  if (minutes !== undefined && minutes > 0 && minutes < LEAST_MINUTES) {
    throw new OptionError(
      `Expected ${LEAST_MINUTES} minutes or more for --time, since tasks are told two minutes before their end, but received ${time}`,
    )
  }
  const option = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [[`--${name}=${value}`]]
  const common = [
    ...option('partition', partition),
    ...option('time', time),
    ...option('cpus-per-task', cpusPerTask),
    ...option('mem', mem),
  ]
  const more = optionsOf(sbatchWords)
  const onGpus = [...common, ...option('gpus-per-task', gpusPerTask), ...more]
  for (const word of onGpus.flat()) {
    if (/\p{Control}/u.test(word)) throw new OptionError(`Expected one line for sbatch but received ${word}`)
  }
  return { extract: onGpus, search: onGpus, label: [...common, ...more] }
}

/** Puts `--account faces`, which came as two words, together. */
function optionsOf(words: readonly string[]): string[][] {
  const options: string[][] = []
  for (const word of words) {
    if (word.startsWith('-')) options.push([word])
    else if (options.length > 0) options.at(-1)!.push(word)
    else throw new OptionError(`Expected an option of sbatch after -- but received ${word}`)
  }
  return options
}

/** Of a time as Slurm has it: m, m:s, h:m:s, d-h, d-h:m, d-h:m:s; undefined for any other. */
function minutesOf(time: string): number | undefined {
  const [, days, clock] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(time) ?? []
  if (clock === undefined) return undefined
  const numbers = clock.split(':').map(Number)
  const [hours = 0, minutes = 0, seconds = 0] =
    days !== undefined || numbers.length === 3 ? numbers : [0, ...numbers]
  return (Number(days ?? 0) * 24 + hours) * 60 + minutes + seconds / 60
}
