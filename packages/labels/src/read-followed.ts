import { join } from 'node:path'
import type { PathBatch } from '@facekit/core'
import { ASSIGNMENTS_NAME } from './assignments.js'
import { Numbering } from './numbering.js'
import { labelsChanged, openAssignments } from './read-assignments.js'

/** Images of labels, in the order of the rows. */
export interface FollowedBatch extends PathBatch {
  /** n × int32: number of the class; of a duplicate that of the image that stays; `NO_CLASS` for an image in none. */
  classOf: Int32Array
  /** n × uint8: 1 for a duplicate. */
  isDuplicate: Uint8Array
}

/**
 * The images of a labels folder, duplicates in the class of the image that stays, some 65,000 at a time; 20 to 40 bytes are
 * held for each.
 *
 * @throws LabelError `LABELS_FOLDER`, `LABELS_CHANGED`
 */
export async function* readFollowed(folder: string): AsyncGenerator<FollowedBatch> {
  const { rows, batches } = await openAssignments(folder)
  // A duplicate comes after the image that stays.
  const numbers = new Numbering(rows)
  const classes = new Int32Array(rows)
  for await (const { indices, classOf, duplicateOf, paths } of batches({ withPaths: true })) {
    for (let i = 0; i < indices.length; i++) {
      const stays = duplicateOf[i]!
      if (stays >= 0) {
        const known = numbers.find(stays)
        if (known < 0) {
          const cause = new Error(`image ${indices[i]} is the duplicate of none`)
          throw labelsChanged(join(folder, ASSIGNMENTS_NAME), cause)
        }
        classOf[i] = classes[known]!
      }
      classes[numbers.add(indices[i]!)] = classOf[i]!
    }
    yield {
      indices,
      paths,
      classOf,
      isDuplicate: Uint8Array.from(duplicateOf, (stays) => Number(stays >= 0)),
    }
  }
}
