import { NO_CLASS, NOT_A_DUPLICATE } from '@facekit/core'
import { fileWriter, ParquetWriter } from 'hyparquet-writer'
import { className, type NamedClustering } from './class-names.js'
import { rowsOf, type PathSource } from './labelled-rows.js'

export const ASSIGNMENTS_NAME = 'assignments.parquet'

/**
 * What `writeLabels` takes for each row, beside the clustering: its index. (Numbers in names take what making the clustering
 * took.)
 */
export const LABEL_ROW_BYTES = 4

/** Rows per row group: what is held before it goes to disk. With more the file is a hundredth smaller, and its values live long enough to pile up. */
const ROW_GROUP_ROWS = 4096

const SCHEMA = [
  { name: 'root', num_children: 4 },
  { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  { name: 'index', type: 'INT64', repetition_type: 'REQUIRED' },
  { name: 'class', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  { name: 'duplicate_of', type: 'INT64', repetition_type: 'OPTIONAL' },
] as const

interface Columns {
  path: string[]
  index: bigint[]
  class: (string | null)[]
  duplicate_of: (bigint | null)[]
}

/**
 * Writes every image of the input as a row of a Parquet file: `path`; `index`, its position in the original input;
 * `class`, null where it is in none; `duplicate_of`, the index of the image that stays in its place, null where it is
 * no duplicate.
 */
export async function writeAssignments(
  file: string,
  paths: PathSource,
  clustering: NamedClustering,
): Promise<void> {
  const { classOf, duplicateOf, numbers } = clustering
  const writer = new ParquetWriter({ writer: fileWriter(file), schema: [...SCHEMA] })
  // A duplicate comes after the row that stays, whose index has been seen by then.
  const indexOf = new Uint32Array(classOf.length)
  let columns = emptyColumns()
  for await (const { firstRow, indices, paths: batch } of rowsOf(paths, clustering)) {
    indexOf.set(indices, firstRow)
    for (const [i, path] of batch.entries()) {
      const row = firstRow + i
      const number = classOf[row]!
      const stays = duplicateOf[row]!
      columns.path.push(path)
      columns.index.push(BigInt(indices[i]!))
      columns.class.push(number === NO_CLASS ? null : className(numbers[number]!))
      columns.duplicate_of.push(stays === NOT_A_DUPLICATE ? null : BigInt(indexOf[stays]!))
      // Groups end where they are full, and not where a batch ends: the file does not depend on how the rows come.
      if (columns.path.length < ROW_GROUP_ROWS) continue
      await writeRowGroup(writer, columns)
      columns = emptyColumns()
    }
  }
  if (columns.path.length > 0) await writeRowGroup(writer, columns)
  await writer.finish()
}

function emptyColumns(): Columns {
  return { path: [], index: [], class: [], duplicate_of: [] }
}

async function writeRowGroup(writer: ParquetWriter, columns: Columns): Promise<void> {
  await writer.write({
    columnData: Object.entries(columns).map(([name, data]) => ({ name, data })),
    rowGroupSize: ROW_GROUP_ROWS,
  })
}
