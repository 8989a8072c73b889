import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { foldersOfResults, HIDDEN_PREFIX } from '@facekit/core'
import { InputError } from './errors.js'
import { below } from './below.js'

const collator = new Intl.Collator('en', { numeric: true })

/** `img2` before `img10`; names that collate alike in the order of their code units. */
function naturalOrder(a: Dirent, b: Dirent): number {
  return collator.compare(a.name, b.name) || (a.name < b.name ? -1 : 1)
}

/**
 * The files under a folder whose names are wanted, a run of them at a time, in natural order; a folder comes at the
 * place of its name. Links are followed, and each folder is visited once however many lead to it: one inside the folder
 * that is walked under its own path, one elsewhere under the first link that is met. Holds the names on the way down and
 * the folders that links led to, no more. Previews that `facekit cluster` made, by its record, are copies of pictures and
 * left out.
 *
 * @param signal ends the walk at the next name
 * @param onLeftOut told of a folder with such previews
 * @throws InputError `INPUT_UNREADABLE`
 */
export async function* walk(
  folder: string,
  isWanted: (name: string) => boolean,
  signal: AbortSignal,
  onLeftOut: (folder: string) => void,
): AsyncGenerator<string[]> {
  const real = await readable(folder, realpath(folder))
  yield* new Walk(real, isWanted, signal, onLeftOut).visit(folder, real)
}

class Walk {
  readonly #isWanted: (name: string) => boolean
  readonly #signal: AbortSignal
  readonly #onLeftOut: (folder: string) => void
  /** Real paths of the folder that is walked and of those elsewhere that links led to: all below them is visited. */
  readonly #trees: Set<string>

  constructor(
    root: string,
    isWanted: (name: string) => boolean,
    signal: AbortSignal,
    onLeftOut: (folder: string) => void,
  ) {
    this.#trees = new Set([root])
    this.#isWanted = isWanted
    this.#signal = signal
    this.#onLeftOut = onLeftOut
  }

  /** @param real what `folder` is without links */
  async *visit(folder: string, real: string): AsyncGenerator<string[]> {
    const entries = await readable(folder, readdir(folder, { withFileTypes: true }))
    const results = await foldersOfResults(folder)
    if (entries.some(({ name }) => results.has(name))) this.#onLeftOut(folder)
    let files: string[] = []
    for (const entry of entries.sort(naturalOrder)) {
      this.#signal.throwIfAborted()
      const path = below(folder, entry.name)
      if (!(await isFolder(entry, path))) {
        if (this.#isWanted(entry.name)) files.push(path)
        continue
      }
      if (entry.name.startsWith(HIDDEN_PREFIX) || results.has(entry.name)) continue
      const realFolder = entry.isSymbolicLink() ? await this.#enter(path) : join(real, entry.name)
      // A folder that a link led to before: it may lie below one that is walked after it.
      if (realFolder === undefined || (!entry.isSymbolicLink() && this.#trees.has(realFolder))) continue
      yield files
      files = []
      yield* this.visit(path, realFolder)
    }
    yield files
  }

  /** The real path of a link's folder, which is visited from now on; undefined where it is visited anyway. */
  async #enter(link: string): Promise<string | undefined> {
    const real = await readable(link, realpath(link))
    for (let folder = real; ; folder = dirname(folder)) {
      if (this.#trees.has(folder)) return undefined
      if (folder === dirname(folder)) break
    }
    this.#trees.add(real)
    return real
  }
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

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (entry.isDirectory()) return true
  if (entry.isFile()) return false
  // A link, or a file system that does not say. One that leads nowhere is a file that cannot be read.
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
