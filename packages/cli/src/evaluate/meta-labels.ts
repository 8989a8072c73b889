import type { LabelSource } from './label-source.js'
import { LabelIntegers } from './label-names.js'
import { TruthError } from './errors.js'
import { textLines } from './text-lines.js'

/** A `.meta` file: a whole number a line, -1 for no class. */
export function metaLabels(path: string): Omit<LabelSource, 'kind' | 'path'> {
  const names = new LabelIntegers()
  return {
    hasPaths: false,
    async *batches(signal) {
      let line = 0
      for await (const lines of textLines(path, signal)) {
        const first = line + 1
        const placeOf = (i: number) => `line ${first + i} of ${path}`
        const labels = Int32Array.from(lines, (text, i) =>
          names.numberOf(
            integerIn(text, () => placeOf(i)),
            () => placeOf(i),
          ),
        )
        line += lines.length
        yield { labels, placeOf }
      }
    },
    nameOf: (label) => names.nameOf(label),
  }
}

function integerIn(text: string, placeOf: () => string): number {
  const number = Number(text)
  if (/^\s*-?\d+\s*$/.test(text) && Number.isSafeInteger(number)) return number
  throw new TruthError(
    'TRUTH_LINE',
    `Expected a whole number in ${placeOf()} but received ${JSON.stringify(text)}. Write -1 for an image without a class.`,
  )
}
