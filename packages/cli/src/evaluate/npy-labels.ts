import { openNpy } from '@facekit/io-npy'
import { TruthError } from './errors.js'
import type { LabelSource } from './label-source.js'
import { LabelIntegers } from './label-names.js'

/** Rows that are held at a time. */
const ROWS_AT_ONCE = 2 ** 18

/** An NPY file of n integers of any width, -1 for no class. */
export function npyLabels(path: string): Omit<LabelSource, 'kind' | 'path'> {
  const names = new LabelIntegers()
  return {
    hasPaths: false,
    async *batches(signal) {
      const npy = await openNpy(path)
      try {
        if (npy.shape.length === 0 || npy.rowLength !== 1) {
          throw new TruthError(
            'TRUTH_FILE',
            `Expected one integer for each image in ${path} but its shape is (${npy.shape.join(', ')})`,
          )
        }
        for (let start = 0; start < npy.rows; start += ROWS_AT_ONCE) {
          signal?.throwIfAborted()
          const numbers = await npy.readIntegers(start, Math.min(npy.rows, start + ROWS_AT_ONCE))
          const placeOf = (i: number) => `row ${start + i} of ${path}`
          const labels = Int32Array.from(numbers, (number, i) => names.numberOf(number, () => placeOf(i)))
          yield { labels, placeOf }
        }
      } finally {
        await npy.close()
      }
    },
    nameOf: (label) => names.nameOf(label),
  }
}
