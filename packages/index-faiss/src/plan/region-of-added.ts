import { OptionError } from '@facekit/core'
import type { Region } from './pairs.js'

/**
 * The pairs that come with rows behind others that were searched before: of each such row with all rows before it.
 *
 * @param firstAdded rows that were searched
 * @throws OptionError where no row was added
 */
export function regionOfAdded(rows: number, firstAdded: number): Region {
  if (!(firstAdded >= 0 && firstAdded < rows))
    throw new OptionError(`Expected some of ${rows} rows to be added but received ${firstAdded} as the first`)
  return {
    strips: [{ firstSource: 0, endSource: rows, firstTarget: firstAdded, endTarget: rows }],
    bandRows: Infinity,
  }
}
