import { join } from 'node:path'
import { NO_CLASS, Numbering, type PathBatch } from '@facekit/core'
import { ASSIGNMENTS_NAME } from './assignments.js'
import { labelsChanged, openAssignments } from './read-assignments.js'

/** No class, and not `NO_CLASS` either: the image has not come. */
const NOT_SEEN = NO_CLASS - 1

/** Images of labels, in the order of the rows; without paths where they were not asked for. */
export interface FollowedBatch extends PathBatch {
  /** n × int32: the number in the name of the class; of a duplicate that of the image that stays; `NO_CLASS` for an image in none. */
  classOf: Int32Array
  /** n × uint8: 1 for a duplicate. */
  isDuplicate: Uint8Array
}

/**
 * The images of a labels folder, duplicates in the class of the image that stays, some 65,000 at a time. What is held is 20
 * to 40 bytes for each image that others are duplicates of.
 *
 * @throws LabelError `LABELS_FOLDER`, `LABELS_CHANGED`
 */
export async function* readFollowed(
  folder: string,
  options: { withPaths?: boolean } = {},
): AsyncGenerator<FollowedBatch> {
  const { batches, duplicates } = await openAssignments(folder)
  const staying = new Numbering()
  for await (const duplicateOf of duplicates()) for (const stays of duplicateOf) staying.add(stays)
  const classes = new Int32Array(staying.values.length).fill(NOT_SEEN)
  for await (const { indices, classOf, duplicateOf, paths } of batches(options)) {
    for (let i = 0; i < indices.length; i++) {
      const stays = duplicateOf[i]!
      if (stays >= 0) {
        // A duplicate comes after the image that stays.
        classOf[i] = classes[staying.find(stays)] ?? NOT_SEEN
        if (classOf[i] === NOT_SEEN) {
          const cause = new Error(`image ${indices[i]} is the duplicate of none`)
          throw labelsChanged(join(folder, ASSIGNMENTS_NAME), cause)
        }
      }
      const number = staying.find(indices[i]!)
      if (number >= 0) classes[number] = classOf[i]!
    }
    yield {
      indices,
      paths,
      classOf,
      isDuplicate: Uint8Array.from(duplicateOf, (stays) => Number(stays >= 0)),
    }
  }
}
