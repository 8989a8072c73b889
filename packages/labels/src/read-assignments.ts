import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS, type PathBatch } from '@facekit/core'
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead, type AsyncBuffer } from 'hyparquet'
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
 * The images of `assignments.parquet` in a folder, some 65,000 at a time; 20 bytes are held for each.
 *
 * @throws LabelError `LABEL_FILE` for a file that `writeLabels` did not write
 */
export async function* readAssignments(folder: string): AsyncGenerator<AssignmentBatch> {
  const path = join(folder, ASSIGNMENTS_NAME)
  const classes = new KnownClasses()
  try {
    const file = await asyncBufferFromFile(path)
    for await (const columns of columnBatches(file)) yield toBatch(columns, classes)
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
  readonly #rows = new Numbering()
  #classOf = new Int32Array(1024)

  get(index: number): number | undefined {
    const row = this.#rows.find(index)
    return row < 0 ? undefined : this.#classOf[row]
  }

  set(index: number, number: number): void {
    const row = this.#rows.add(index)
    if (row === this.#classOf.length) {
      const grown = new Int32Array(2 * row)
      grown.set(this.#classOf)
      this.#classOf = grown
    }
    this.#classOf[row] = number
  }
}

type Columns = Record<(typeof COLUMNS)[number], unknown[]>

async function* columnBatches(file: AsyncBuffer): AsyncGenerator<Columns> {
  const metadata = await parquetMetadataAsync(file)
  for (let at = 0; at < metadata.row_groups.length; at += GROUPS_AT_ONCE) {
    const groups = metadata.row_groups.slice(at, at + GROUPS_AT_ONCE)
    const num_rows = groups.reduce((sum, group) => sum + group.num_rows, 0n)
    const rows = Number(num_rows)
    const columns: Columns = { path: [], index: [], class: [], duplicate_of: [] }
    await parquetRead({
      file,
      // As a file of these groups alone: the reader goes through all groups that it knows of.
      metadata: { ...metadata, row_groups: groups, num_rows },
      columns: [...COLUMNS],
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = columns[columnName as keyof Columns]
        for (let i = 0; i < columnData.length; i++) column[rowStart + i] = columnData[i]
      },
    })
    for (const name of COLUMNS)
      if (columns[name].length !== rows) throw new Error(`it has no column ${name} of ${rows} rows`)
    yield columns
  }
}

function toBatch(columns: Columns, classes: KnownClasses): AssignmentBatch {
  const rows = columns.path.length
  const batch = {
    paths: columns.path as string[],
    indices: new Uint32Array(rows),
    classOf: new Int32Array(rows),
    isDuplicate: new Uint8Array(rows),
  }
  for (let i = 0; i < rows; i++) {
    const path = columns.path[i]
    const name = columns.class[i] ?? undefined
    const stays = columns.duplicate_of[i] ?? undefined
    const index = Number(columns.index[i])
    let number = NO_CLASS
    if (typeof path !== 'string') throw new Error(`it holds ${String(path)} for a path`)
    if (name !== undefined) number = classNumber(String(name))
    else if (stays !== undefined) {
      batch.isDuplicate[i] = 1
      // A duplicate comes after the image that stays.
      number = classes.get(Number(stays)) ?? NaN
    }
    if (!Number.isSafeInteger(number))
      throw new Error(`${path} is in the class ${String(name)}, a duplicate of ${String(stays)}`)
    batch.indices[i] = index
    batch.classOf[i] = number
    classes.set(index, number)
  }
  return batch
}
