import { writeAtomically } from '@facekit/core'
import { StringSpool } from './string-spool.js'

/**
 * Writes a one-dimensional unicode array (`<U{longest}`). The values are taken once, one at a time.
 *
 * @param file appears when it is complete
 */
export async function writeStrings(file: string, values: Iterable<string>): Promise<void> {
  await writeAtomically(file, async ({ path, scratchPath }) => {
    const spool = await StringSpool.create(scratchPath)
    try {
      await spool.append(values)
      await spool.writeNpy(path)
    } finally {
      await spool.close()
    }
  })
}
