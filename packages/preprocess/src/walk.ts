import { isUtf8 } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { foldersOfResults } from '@facekit/core'
import { below } from './below.js'
import { ImageError, InputError } from './errors.js'
import { NO_PATH } from './no-path.js'
import { isSystemFile, isSystemFolder, SYSTEM_FILES, type PassedOver } from './passed-over.js'

const collator = new Intl.Collator('en', { numeric: true })

/** What stands for bytes that are not UTF-8. */
const REPLACEMENT = '\uFFFD'

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'it is gone',
  ENAMETOOLONG: 'its path is too long',
  ESTALE: 'the server does not know it any more',
}

/** What a link gives that leads nowhere. */
const NOWHERE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

export interface WalkOptions {
  isWanted: (name: string) => boolean
  /** Ends the walk at the next name. */
  signal: AbortSignal
  /** Counts what is not wanted. */
  passedOver: PassedOver
  /** Told of a folder with previews of `facekit cluster`. */
  onLeftOut?: ((folder: string) => void) | undefined
  /** Told of a folder that cannot be listed. */
  onUnlisted?: ((error: ImageError) => void) | undefined
}

/**
 * The files under a folder whose names are wanted, a run of them at a time, in natural order; a folder comes at the
 * place of its name. Links are followed, and each folder is visited once however many lead to it: one inside the folder
 * that is walked under its own path, one elsewhere under the first link that is met. Holds the names on the way down and
 * the folders that links led to, no more. Previews that `facekit cluster` made, by its record, are copies of pictures and
 * left out; so are hidden folders and those of thumbnails and waste.
 *
 * An error stands where a folder below cannot be listed, and for each wanted file that no string names, since its name
 * or that of a folder above it is not UTF-8.
 *
 * @throws InputError `INPUT_UNREADABLE` where the folder itself cannot be listed
 */
export async function* walk(folder: string, options: WalkOptions): AsyncGenerator<(string | ImageError)[]> {
  const real = await readable(folder, realpath(folder))
  const entries = await readable(folder, entriesOf(folder))
  yield* new Walk(real, options).visit({ path: folder, raw: folder, real }, entries)
}

/** A folder on the way down. */
interface Folder {
  /** As it is said. */
  path: string
  /** As the system takes it: bytes where it is not UTF-8. */
  raw: string | Buffer
  /** What it is without links. */
  real: string
}

type Entry = Dirent | Dirent<Buffer>

class Walk {
  readonly #options: WalkOptions
  /** Real paths of the folder that is walked and of those elsewhere that links led to: all below them is visited. */
  readonly #trees: Set<string>

  constructor(root: string, options: WalkOptions) {
    this.#trees = new Set([root])
    this.#options = options
  }

  async *visit(folder: Folder, entries: Entry[]): AsyncGenerator<(string | ImageError)[]> {
    const { isWanted, signal, passedOver, onLeftOut, onUnlisted } = this.#options
    const results = await foldersOfResults(folder.path)
    if (entries.some((entry) => results.has(nameOf(entry)))) onLeftOut?.(folder.path)
    let files: (string | ImageError)[] = []
    for (const entry of entries.sort(naturalOrder)) {
      signal.throwIfAborted()
      const name = nameOf(entry)
      const path = below(folder.path, name)
      const raw = rawBelow(folder.raw, entry.name)
      if (!(await isFolder(entry, raw, isWanted))) {
        if (isSystemFile(name) || !isWanted(name)) passedOver.files.add(kindOf(name))
        else files.push(typeof raw === 'string' ? path : new ImageError(path, NO_PATH.notUtf8))
        continue
      }
      if (results.has(name)) continue
      if (isSystemFolder(name)) {
        passedOver.folders.add(name)
        continue
      }
      const inside = await this.#enter(entry, path, raw, folder)
      if (inside instanceof ImageError) {
        onUnlisted?.(inside)
        files.push(inside)
      } else if (inside) {
        yield files
        files = []
        yield* this.visit(inside.folder, inside.entries)
      }
    }
    yield files
  }

  /** What is in a folder; undefined where it is visited elsewhere. */
  async #enter(
    entry: Entry,
    path: string,
    raw: string | Buffer,
    parent: Folder,
  ): Promise<{ folder: Folder; entries: Entry[] } | ImageError | undefined> {
    try {
      const isLink = entry.isSymbolicLink()
      const real = isLink ? await realpath(raw) : join(parent.real, nameOf(entry))
      // A folder that a link led to before may lie below one that is walked after it.
      if (isLink ? this.#isVisitedAnyway(real) : this.#trees.has(real)) return undefined
      const entries = await entriesOf(raw)
      if (isLink) this.#trees.add(real)
      return { folder: { path, raw, real }, entries }
    } catch (cause) {
      const { code = '', message } = cause as NodeJS.ErrnoException
      return new ImageError(path, `${NO_PATH.unlisted}: ${REASONS[code] ?? message}`, { cause })
    }
  }

  /** Whether a folder that a link leads to is below one that is walked, and not in one that is passed over there. */
  #isVisitedAnyway(real: string): boolean {
    for (let folder = real; ; folder = dirname(folder)) {
      if (this.#trees.has(folder)) return true
      if (folder === dirname(folder) || isSystemFolder(basename(folder))) return false
    }
  }
}

function nameOf({ name }: Entry): string {
  return name.toString()
}

/** `img2` before `img10`; names that collate alike in the order of their code units. */
function naturalOrder(a: Entry, b: Entry): number {
  const [nameA, nameB] = [nameOf(a), nameOf(b)]
  return collator.compare(nameA, nameB) || Number(nameA > nameB) - Number(nameA < nameB)
}

/** What is in a folder; names as bytes where one of them is not UTF-8. */
async function entriesOf(folder: string | Buffer): Promise<Entry[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.some(({ name }) => name.includes(REPLACEMENT))
    ? readdir(folder, { withFileTypes: true, encoding: 'buffer' })
    : entries
}

function rawBelow(folder: string | Buffer, name: string | Buffer): string | Buffer {
  if (typeof folder === 'string' && (typeof name === 'string' || isUtf8(name)))
    return below(folder, name.toString())
  return Buffer.concat([bytesOf(folder), bytesOf('/'), bytesOf(name)])
}

function bytesOf(name: string | Buffer): Buffer {
  return typeof name === 'string' ? Buffer.from(name) : name
}

async function isFolder(
  entry: Entry,
  raw: string | Buffer,
  isWanted: (name: string) => boolean,
): Promise<boolean> {
  if (entry.isDirectory()) return true
  if (entry.isFile()) return false
  // A link, or a file system that does not say.
  return stat(raw).then(
    (stats) => stats.isDirectory(),
    // One that leads nowhere is a file that cannot be read; where it may not be followed, its name has to tell.
    ({ code }: NodeJS.ErrnoException) => !NOWHERE.has(code) && !isWanted(nameOf(entry)),
  )
}

/** How files are counted that are passed over. */
function kindOf(name: string): string {
  return isSystemFile(name) ? SYSTEM_FILES : extname(name).toLowerCase() || 'no extension'
}

async function readable<T>(folder: string, reading: Promise<T>): Promise<T> {
  return reading.catch((cause: Error) => {
    throw new InputError(
      'INPUT_UNREADABLE',
      `Expected to read the folder ${folder} but ${cause.message}. Check its permissions.`,
      { cause },
    )
  })
}
