import { totalmem } from 'node:os'
import { OptionError } from '@facekit/core'

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

/** Half of what the machine, or the container that this runs in, has. */
export function defaultMemoryLimit(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  const total = totalmem()
  return Math.floor((constrained > 0 ? Math.min(constrained, total) : total) / 2)
}

/** How a limit is shared between what grows with the input. */
export function shareMemory(limitBytes: number): { gallery: number; neighbors: number; edges: number } {
  return { gallery: limitBytes / 2, neighbors: limitBytes / 8, edges: limitBytes / 8 }
}
