import { access } from 'node:fs/promises'
import { below } from './below.js'
import { columnReader } from './columns.js'
import { ImageError } from './errors.js'
import { linesOf } from './lines.js'
import { NO_PATH } from './no-path.js'
import type { PassedOver } from './passed-over.js'

export interface ListOptions {
  /** What relative paths are meant from. */
  folder: string
  /** For messages. */
  name: string
  /** The column that holds the path, from 1; the whole line if undefined. */
  column: number | undefined
  passedOver: PassedOver
}

/**
 * The paths of a list, a run of them at a time, as they are written but from its folder. Lines that are blank, comments
 * and the header of columns are none. See `otherReadings` for what else a path may be.
 *
 * @throws InputError `INPUT_LIST`
 */
export async function* readList(
  bytes: AsyncIterable<Uint8Array>,
  { folder, name, column, passedOver }: ListOptions,
): AsyncGenerator<(string | ImageError)[]> {
  const pathIn = column === undefined ? (line: string) => line : columnReader(column)
  let isFirst = true
  for await (const lines of linesOf(bytes, name)) {
    const entries: (string | ImageError)[] = []
    for (const line of lines) {
      if (line.trim() === '') continue
      if (line.startsWith('#') && !(await exists(below(folder, line)))) {
        passedOver.lines.add('comment')
        continue
      }
      const path = pathIn(line)
      const mayBeHeader = isFirst && column !== undefined
      isFirst = false
      if (mayBeHeader && path !== undefined && (await isHeader(path, folder))) passedOver.lines.add('header')
      else if (path) entries.push(below(folder, path))
      else entries.push(new ImageError(line, `${NO_PATH.noField} ${column}`))
    }
    yield entries
  }
}

/** What is named over a column has neither a folder nor an extension: `path`, or nothing over the numbers of rows. */
async function isHeader(field: string, folder: string): Promise<boolean> {
  return field === '' || (!/[./]/.test(field) && !(await exists(below(folder, field))))
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
