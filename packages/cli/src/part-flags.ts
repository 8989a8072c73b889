import { MOST_PARTS, OptionError, type Part } from '@facekit/core'
import { count, type Flags } from './flags.js'

/** Of commands that do a part of the work. */
export const PART_FLAGS = {
  part: {
    type: 'string',
    describe:
      'Do one part of the work, such as 3/64, numbered from 0; auto: the part that an array job of Slurm, or an indexed one of Kubernetes, is to do',
  },
  parts: {
    type: 'string',
    coerce: partCount('parts'),
    describe: 'How many parts there are, where --part does not say: --part 3 --parts 64',
  },
} as const satisfies Flags

/** For `coerce`: a number of parts. */
export function partCount(name: string): (value: string) => number {
  return (value) => {
    const parts = count(name)(value)
    if (parts <= MOST_PARTS) return parts
    throw new OptionError(`Expected ${MOST_PARTS} at most for --${name} but received ${value}`)
  }
}

/**
 * @param env of the process, where jobs find their number
 * @throws OptionError
 */
export function partOf(
  { part, parts }: { part?: string | undefined; parts?: number | undefined },
  env: NodeJS.ProcessEnv,
): Part | undefined {
  if (part === undefined) {
    if (parts !== undefined) throw new OptionError('Expected --part beside --parts: --part 3, or --part auto')
    return undefined
  }
  return part === 'auto' ? checked(ofJob(env, parts), part) : checked(parse(part, parts), part)
}

function parse(text: string, parts: number | undefined): Part {
  const [, number, of] = /^(\d+)(?:\/(\d+))?$/.exec(text) ?? []
  if (number === undefined || (of === undefined && parts === undefined))
    throw new OptionError(`Expected a part such as 3/64, or auto, for --part but received ${text}`)
  if (of !== undefined && parts !== undefined && Number(of) !== parts)
    throw new OptionError(`Expected --part ${text} or --parts ${parts}, which disagree`)
  return { number: Number(number), of: of === undefined ? parts! : Number(of) }
}

function ofJob(env: NodeJS.ProcessEnv, parts: number | undefined): Part {
  const { SLURM_ARRAY_TASK_ID: task, JOB_COMPLETION_INDEX: index } = env
  if (task !== undefined) return { number: Number(task), of: parts ?? sizeOfArray(env) }
  if (index === undefined) {
    throw new OptionError(
      'Expected an array job for --part auto but neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set. Give the part: --part 3/64',
    )
  }
  if (parts === undefined)
    throw new OptionError(
      'Expected --parts beside --part auto in a job of Kubernetes: its number of completions',
    )
  return { number: Number(index), of: parts }
}

/** An array of some parts only, as one that does again what failed, does not say how many there are. */
function sizeOfArray({
  SLURM_ARRAY_TASK_COUNT: tasks,
  SLURM_ARRAY_TASK_MIN: first,
  SLURM_ARRAY_TASK_MAX: last,
}: NodeJS.ProcessEnv): number {
  if (
    (first ?? '0') === '0' &&
    (last ?? tasks) !== undefined &&
    Number(last ?? Number(tasks) - 1) + 1 === Number(tasks)
  )
    return Number(tasks)
  throw new OptionError(
    `Expected an array from 0 without gaps for --part auto but it has ${tasks ?? 'some'} tasks from ${first ?? '?'} to ${last ?? '?'}: give --parts`,
  )
}

function checked(part: Part, given: string): Part {
  const { number, of } = part
  if (Number.isSafeInteger(number) && number >= 0 && number < of && of <= MOST_PARTS) return part
  const range = of >= 1 && of <= MOST_PARTS ? `0 to ${of - 1} of ${of} parts` : `up to ${MOST_PARTS} parts`
  throw new OptionError(
    `Expected a part from ${range} for --part but received ${given === 'auto' ? number : given}`,
  )
}
