import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS } from '@facekit/core'
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

/** Row groups are small: with many at a time, reading waits less. */
const GROUPS_AT_ONCE = 16

/** Some images of a labels folder, one after the other. */
export interface AssignedBatch {
  /** Of the first of them: a row is a position among the embeddings. */
  firstRow: number
  /** n × uint32: positions in the original input. */
  indices: Uint32Array
  /** n × int32: the number in the name of the class, or `NO_CLASS`. */
  classOf: Int32Array
  /** n × float64: the index of the image that stays in its place, or -1. */
  duplicateOf: Float64Array
  /** n paths; none where they were not asked for. */
  paths: string[]
}

/** The images of a labels folder, as `assignments.parquet` has them. */
export interface Assignments {
  rows: number
  /** All of them in order, some 65,000 at a time. */
  batches(options?: { withPaths?: boolean }): AsyncGenerator<AssignedBatch>
  /** Of all duplicates in order the index of the image that stays, some at a time. */
  duplicates(): AsyncGenerator<Float64Array>
  /**
   * The paths of some rows.
   *
   * @param rows ascending
   */
  paths(rows: readonly number[]): Promise<string[]>
}

/** Whether a folder holds the labels of `writeLabels`. */
export async function holdsAssignments(folder: string): Promise<boolean> {
  return stat(join(folder, ASSIGNMENTS_NAME)).then(
    (stats) => stats.isFile(),
    () => false,
  )
}

/**
 * Opens what `writeLabels` wrote of each image.
 *
 * @throws LabelError `LABELS_FOLDER` where there is none, `LABELS_CHANGED` where `writeLabels` did not write it
 */
export async function openAssignments(folder: string): Promise<Assignments> {
  const path = join(folder, ASSIGNMENTS_NAME)
  await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === 'ENOENT' ? `there is no ${ASSIGNMENTS_NAME}` : cause.message
    throw new LabelError(
      'LABELS_FOLDER',
      `Expected labels in ${folder} but ${what}. Make them by facekit cluster or label.`,
      { cause },
    )
  })
  const { groups, rows } = await readable(path, async () => {
    const file = await asyncBufferFromFile(path)
    return groupsOf(file, await parquetMetadataAsync(file))
  })
  return {
    rows,
    async *batches({ withPaths = false } = {}) {
      const names = ['index', 'class', 'duplicate_of', ...(withPaths ? ['path'] : [])]
      for (const group of groups)
        yield await readable(path, async () => toBatch(await readColumns(group, names), group))
    },
    async *duplicates() {
      for (const group of groups) {
        const columns = await readable(path, async () => readColumns(group, ['duplicate_of']))
        yield columns.duplicate_of.filter((stays) => stays >= 0)
      }
    },
    async paths(wanted) {
      const paths: string[] = []
      for (const group of groups) {
        const end = group.firstRow + group.rows
        const inGroup: number[] = []
        for (let at = paths.length; at < wanted.length && wanted[at]! < end; at++) inGroup.push(wanted[at]!)
        if (inGroup.length === 0) continue
        const { path: of } = await readable(path, async () => readColumns(group, ['path']))
        paths.push(...inGroup.map((row) => of[row - group.firstRow]!))
      }
      return paths
    },
  }
}

/** @throws LabelError `LABELS_CHANGED` for what `read` throws */
export async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  return read().catch((cause: Error) => {
    throw labelsChanged(path, cause)
  })
}

export function labelsChanged(path: string, cause: Error): LabelError {
  return new LabelError(
    'LABELS_CHANGED',
    `Expected the images of labels in ${path} but it cannot be read: ${cause.message}. Make the labels again by facekit cluster or label.`,
    { cause },
  )
}

/** Some row groups, one after the other. */
interface Groups {
  file: AsyncBuffer
  metadata: FileMetaData
  firstRow: number
  rows: number
}

function groupsOf(file: AsyncBuffer, metadata: FileMetaData): { groups: Groups[]; rows: number } {
  const groups: Groups[] = []
  let firstRow = 0
  for (let at = 0; at < metadata.row_groups.length; at += GROUPS_AT_ONCE) {
    const row_groups = metadata.row_groups.slice(at, at + GROUPS_AT_ONCE)
    const num_rows = row_groups.reduce((sum, group) => sum + group.num_rows, 0n)
    // As a file of these groups alone: the reader goes through all groups that it knows of.
    groups.push({ file, metadata: { ...metadata, row_groups, num_rows }, firstRow, rows: Number(num_rows) })
    firstRow += Number(num_rows)
  }
  return { groups, rows: firstRow }
}

interface Columns {
  path: string[]
  index: Float64Array
  /** Number of the class, `NO_CLASS` for none. */
  class: Int32Array
  /** -1 for none. */
  duplicate_of: Float64Array
}

/** @throws Error that says what is wrong */
async function readColumns({ file, metadata, rows }: Groups, names: string[]): Promise<Columns> {
  const columns: Columns = {
    path: [],
    index: new Float64Array(rows),
    class: new Int32Array(rows).fill(NO_CLASS),
    duplicate_of: new Float64Array(rows).fill(-1),
  }
  let filled = 0
  let wrong: string | undefined
  await parquetRead({
    file,
    metadata,
    columns: names,
    // A column of long values comes in several pages. What is thrown here is heard by nobody.
    onChunk: ({ columnName, columnData, rowStart }) => {
      filled += columnData.length
      for (let i = 0; i < columnData.length; i++)
        wrong ??= setValue(columns, columnName, rowStart + i, columnData[i])
    },
  })
  if (wrong !== undefined) throw new Error(wrong)
  if (filled !== names.length * rows) throw new Error(`it lacks values of ${names.join(', ')}`)
  return columns
}

/** @returns what is wrong with the value */
function setValue(columns: Columns, name: string, row: number, value: unknown): string | undefined {
  if (name === 'path' || name === 'index') {
    if (value === null || value === undefined) return `an image of it has no ${name}`
    if (name === 'path') columns.path[row] = String(value)
    else columns.index[row] = Number(value)
  } else if (value !== null && value !== undefined) {
    if (name === 'duplicate_of') columns.duplicate_of[row] = Number(value)
    else {
      const number = classNumber(String(value))
      if (!(number < 2 ** 31)) return `it has a class of the name ${JSON.stringify(value)}`
      columns.class[row] = number
    }
  }
  return undefined
}

function toBatch(columns: Columns, { firstRow }: Groups): AssignedBatch {
  return {
    firstRow,
    indices: Uint32Array.from(columns.index),
    classOf: columns.class,
    duplicateOf: columns.duplicate_of,
    paths: columns.path,
  }
}
