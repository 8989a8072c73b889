import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { below } from './below.js'
import { fieldsOf } from './columns.js'

/** Columns that are looked at to explain a line. */
const MAX_COLUMNS = 8

const URL_SCHEME = /^[a-z][a-z\d+.-]+:\/\//i

/*
 * How a line of a list is read, the first of these that names a file:
 *
 * 1. as it is written, also with blanks, quotes, `#` and `~` in the name;
 * 2. without the blanks around it;
 * 3. without the quotes, single or double, around that;
 * 4. `file:` URLs as their path, `~/` as the home of the user.
 *
 * Whatever it is then, relative paths are meant from the folder of the list. A line is read in another way only where
 * opening the one before failed: lists have millions of lines, and looking at each of them on a network disk takes hours.
 * A line that begins with `#` and names no file is a comment, and no image that failed: `readList` looks there, since it
 * counts. Nothing else is guessed: columns are taken where `--list-column` says so.
 */

/** The line of which `below` made a path. */
export function lineOf(path: string, folder: string): string {
  const start = below(folder, '')
  return path.startsWith(start) ? path.slice(start.length) : path
}

/** What a line may be when there is no file of its exact name, in the order to try. */
export function otherReadings(line: string): string[] {
  const bare = line.trim()
  const unquoted = withoutQuotes(bare)
  const readings = new Set([bare, unquoted, fromHome(fromFileUrl(unquoted))])
  return [...readings].filter((reading) => reading !== line && reading !== '')
}

/**
 * What would mend a line that names no file, in a phrase for people.
 *
 * @param folder what relative paths are meant from
 */
export async function whyNoFile(line: string, folder: string): Promise<string | undefined> {
  const bare = withoutQuotes(line.trim())
  if (URL_SCHEME.test(bare) && !/^file:/i.test(bare))
    return 'a URL, which is not read: download the images first'
  if (line.includes('\uFFFD')) return 'no such file: the line is not UTF-8'
  const isThere = async (path: string) => path !== '' && isFile(below(folder, path))

  const fields = fieldsOf(line)
  if (fields.length > 1) {
    for (const [i, field] of fields.slice(0, MAX_COLUMNS).entries()) {
      if (await isThere(field))
        return `no such file, but column ${i + 1} of the line is one: give --list-column ${i + 1}`
    }
    if (await isThere(withoutLastField(line)))
      return 'no such file, but without its last field the line is one: separate fields by a TAB, and give --list-column 1'
  }
  if (folder !== process.cwd() && (await isFile(below(process.cwd(), line))))
    return 'no such file, but there is one from the working directory: paths are meant from the folder of the list'
  return undefined
}

function withoutLastField(line: string): string {
  const bare = line.trimEnd()
  const end = Math.max(...['\t', ' ', ','].map((separator) => bare.lastIndexOf(separator)))
  return bare.slice(0, end).trimEnd().replace(/,$/, '')
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )
}

function withoutQuotes(text: string): string {
  return /^(["'])(.+)\1$/s.exec(text)?.[2] ?? text
}

function fromHome(text: string): string {
  return text.startsWith('~/') ? below(homedir(), text.slice(2)) : text
}

function fromFileUrl(text: string): string {
  if (!/^file:\//i.test(text)) return text
  try {
    return fileURLToPath(text)
  } catch {
    // Of another host, or not encoded as a URL is: no such file.
    return text
  }
}
