import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS } from '@facekit/core'
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead, type AsyncBuffer } from 'hyparquet'
import { classNumber } from './class-names.js'
import { LabelError } from './errors.js'

export const ASSIGNMENTS_NAME = 'assignments.parquet'

/** Some images of a labels folder, one after the other. */
export interface AssignedBatch {
  /** Of the first of them: a row is a position among the embeddings. */
  firstRow: number
  /** n × uint32: positions in the original input. */
  indices: Uint32Array
  /** n × int32: the class, or `NO_CLASS`. */
  classOf: Int32Array
  /** n × float64: the index of the image that stays in its place, or -1. */
  duplicateOf: Float64Array
}

/** The images of a labels folder, as `assignments.parquet` has them. */
export interface Assignments {
  rows: number
  /** All of them in order, a row group at a time. */
  batches(): AsyncGenerator<AssignedBatch>
  /**
   * The paths of some rows.
   *
   * @param rows ascending
   */
  paths(rows: readonly number[]): Promise<string[]>
}

/** @throws LabelError `LABELS_FOLDER` where there is none, `LABELS_CHANGED` where it cannot be read */
export async function openAssignments(folder: string): Promise<Assignments> {
  const path = join(folder, ASSIGNMENTS_NAME)
  const unreadable = (cause: unknown) =>
    new LabelError(
      'LABELS_CHANGED',
      `Expected the Parquet file of labels at ${path} but it cannot be read: ${(cause as Error).message}. Make it again by facekit cluster or label.`,
      { cause },
    )
  await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === 'ENOENT' ? `there is no ${ASSIGNMENTS_NAME}` : cause.message
    throw new LabelError(
      'LABELS_FOLDER',
      `Expected labels in ${folder} but ${what}. Make them by facekit cluster or label.`,
      { cause },
    )
  })
  try {
    const file = await asyncBufferFromFile(path)
    const { groups, rows } = await groupsOf(file)
    return {
      rows,
      async *batches() {
        for (const group of groups) {
          yield await read(group, ['index', 'class', 'duplicate_of'], toBatch).catch((cause: unknown) => {
            throw unreadable(cause)
          })
        }
      },
      async paths(wanted) {
        const paths: string[] = []
        for (const group of groups) {
          const end = group.firstRow + group.rows
          const inGroup: number[] = []
          for (let at = paths.length; at < wanted.length && wanted[at]! < end; at++) inGroup.push(wanted[at]!)
          if (inGroup.length === 0) continue
          const of = await read(group, ['path'], (columns) => columns.get('path')!).catch(
            (cause: unknown) => {
              throw unreadable(cause)
            },
          )
          paths.push(...inGroup.map((row) => String(of[row - group.firstRow])))
        }
        return paths
      },
    }
  } catch (cause) {
    throw unreadable(cause)
  }
}

type Columns = ReadonlyMap<string, ArrayLike<unknown>>

interface RowGroup {
  file: AsyncBuffer
  metadata: Awaited<ReturnType<typeof parquetMetadataAsync>>
  firstRow: number
  rows: number
}

async function groupsOf(file: AsyncBuffer): Promise<{ groups: RowGroup[]; rows: number }> {
  const metadata = await parquetMetadataAsync(file)
  let firstRow = 0
  const groups = metadata.row_groups.map((group) => {
    const rows = Number(group.num_rows)
    // As a file of this group alone: the reader goes through all groups that it knows of.
    const of = { ...metadata, row_groups: [group], num_rows: group.num_rows }
    firstRow += rows
    return { file, metadata: of, firstRow: firstRow - rows, rows }
  })
  return { groups, rows: firstRow }
}

async function read<T>(
  group: RowGroup,
  names: string[],
  use: (columns: Columns, group: RowGroup) => T,
): Promise<T> {
  const { file, metadata, rows } = group
  const columns = new Map(names.map((name) => [name, Array.from<unknown>({ length: rows })]))
  let filled = 0
  await parquetRead({
    file,
    metadata,
    columns: names,
    rowStart: 0,
    rowEnd: rows,
    // A column of long values comes in several pages.
    onChunk: ({ columnName, columnData, rowStart }) => {
      const column = columns.get(columnName)!
      for (let i = 0; i < columnData.length; i++) column[rowStart + i] = columnData[i]
      filled += columnData.length
    },
  })
  if (filled !== names.length * rows) throw new Error(`it lacks values of ${names.join(', ')}`)
  return use(columns, group)
}

function toBatch(columns: Columns, { firstRow, rows }: RowGroup): AssignedBatch {
  const [indices, classOf, duplicateOf] = [
    new Uint32Array(rows),
    new Int32Array(rows).fill(NO_CLASS),
    new Float64Array(rows).fill(-1),
  ]
  const [index, name, stays] = ['index', 'class', 'duplicate_of'].map((column) => columns.get(column)!)
  for (let i = 0; i < rows; i++) {
    indices[i] = Number(index![i])
    if (name![i] != null) classOf[i] = classNumberOf(String(name![i]))
    if (stays![i] != null) duplicateOf[i] = Number(stays![i])
  }
  return { firstRow, indices, classOf, duplicateOf }
}

function classNumberOf(name: string): number {
  const number = classNumber(name)
  if (!(number < 2 ** 31)) throw new Error(`it has a class of the name ${JSON.stringify(name)}`)
  return number
}
