import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS, type PathBatch } from '@facekit/core'
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetRead,
  type AsyncBuffer,
  type FileMetaData,
} from 'hyparquet'
import { ASSIGNMENTS_NAME } from './assignments.js'
import { classNumber } from './class-names.js'
import { LabelError } from './errors.js'
import { Numbering } from './numbering.js'

/** Row groups are small: with many at a time, reading waits less. */
const GROUPS_AT_ONCE = 16

const COLUMNS = ['path', 'index', 'class', 'duplicate_of'] as const

/** Images of labels, in the order of the rows. */
export interface AssignmentBatch extends PathBatch {
  /** n × int32: number of the class; of a duplicate that of the image that stays; `NO_CLASS` for an image in none. */
  classOf: Int32Array
  /** n × uint8: 1 for a duplicate. */
  isDuplicate: Uint8Array
}

/** Whether a folder holds the labels of `writeLabels`. */
export async function holdsAssignments(folder: string): Promise<boolean> {
  return stat(join(folder, ASSIGNMENTS_NAME)).then(
    (stats) => stats.isFile(),
    () => false,
  )
}

/**
 * The images of `assignments.parquet` in a folder, some 65,000 at a time; 20 to 40 bytes are held for each.
 *
 * @throws LabelError `LABEL_FILE` for a file that `writeLabels` did not write
 */
export async function* readAssignments(folder: string): AsyncGenerator<AssignmentBatch> {
  const path = join(folder, ASSIGNMENTS_NAME)
  try {
    const file = await asyncBufferFromFile(path)
    const metadata = await parquetMetadataAsync(file)
    const classes = new KnownClasses(Number(metadata.num_rows))
    for await (const columns of columnBatches(file, metadata)) yield toBatch(columns, classes)
  } catch (cause) {
    throw new LabelError(
      'LABEL_FILE',
      `Expected the images of labels in ${path} but it cannot be read: ${(cause as Error).message}. Make the labels again by facekit label.`,
      { cause },
    )
  }
}

/** The classes of images that have come, by their index. */
class KnownClasses {
  readonly #rows: Numbering
  readonly #classOf: Int32Array

  constructor(images: number) {
    this.#rows = new Numbering(images)
    this.#classOf = new Int32Array(images)
  }

  /** NaN where there is none. */
  get(index: number): number {
    const row = this.#rows.find(index)
    return row < 0 ? NaN : this.#classOf[row]!
  }

  set(index: number, number: number): void {
    this.#classOf[this.#rows.add(index)] = number
  }
}

/** Some rows of the file. */
interface Columns {
  path: string[]
  index: Float64Array
  /** The number of the class, NaN for none, -1 for a name that is no class's. */
  class: Float64Array
  /** NaN for none. */
  duplicate_of: Float64Array
}

async function* columnBatches(file: AsyncBuffer, metadata: FileMetaData): AsyncGenerator<Columns> {
  for (let at = 0; at < metadata.row_groups.length; at += GROUPS_AT_ONCE) {
    const groups = metadata.row_groups.slice(at, at + GROUPS_AT_ONCE)
    const num_rows = groups.reduce((sum, group) => sum + group.num_rows, 0n)
    const rows = Number(num_rows)
    const columns: Columns = {
      path: [],
      index: new Float64Array(rows).fill(NaN),
      class: new Float64Array(rows).fill(NaN),
      duplicate_of: new Float64Array(rows).fill(NaN),
    }
    await parquetRead({
      file,
      // As a file of these groups alone: the reader goes through all groups that it knows of.
      metadata: { ...metadata, row_groups: groups, num_rows },
      columns: [...COLUMNS],
      onChunk: ({ columnName, columnData, rowStart }) => {
        for (let i = 0; i < columnData.length; i++) {
          const value: unknown = columnData[i] ?? undefined
          if (value === undefined) continue
          if (columnName === 'path') columns.path[rowStart + i] = String(value)
          else if (columnName === 'class') columns.class[rowStart + i] = knownNumber(String(value))
          else columns[columnName as 'index' | 'duplicate_of'][rowStart + i] = Number(value)
        }
      },
    })
    yield columns
  }
}

function knownNumber(name: string): number {
  const number = classNumber(name)
  return Number.isNaN(number) ? -1 : number
}

function toBatch(columns: Columns, classes: KnownClasses): AssignmentBatch {
  const { path: paths, index, class: numbers, duplicate_of: stays } = columns
  const rows = index.length
  const batch = {
    paths,
    indices: Uint32Array.from(index),
    classOf: new Int32Array(rows).fill(NO_CLASS),
    isDuplicate: Uint8Array.from(stays, (other) => Number(!Number.isNaN(other))),
  }
  for (let i = 0; i < rows; i++) {
    // A duplicate comes after the image that stays.
    const number = batch.isDuplicate[i] ? classes.get(stays[i]!) : numbers[i]!
    if (paths[i] === undefined || number < 0 || (batch.isDuplicate[i] && Number.isNaN(number)))
      throw new Error(`image ${index[i]} has no path, a class of another name, or is the duplicate of none`)
    if (!Number.isNaN(number)) batch.classOf[i] = number
    classes.set(index[i]!, batch.classOf[i]!)
  }
  return batch
}
