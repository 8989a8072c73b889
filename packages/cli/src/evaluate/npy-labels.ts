import { readIntegers } from '@facekit/io-npy'
import type { LabelSource } from './label-source.js'
import { LabelIntegers } from './label-names.js'

/** An NPY file of n integers of any width, -1 for no class. */
export function npyLabels(path: string): Omit<LabelSource, 'kind' | 'path'> {
  const names = new LabelIntegers()
  return {
    hasPaths: false,
    async *batches() {
      const placeOf = (i: number) => `row ${i} of ${path}`
      const numberOf = (number: number, i: number) => names.numberOf(number, () => placeOf(i))
      yield { labels: Int32Array.from(await readIntegers(path), numberOf), placeOf }
    },
    nameOf: (label) => names.nameOf(label),
  }
}
