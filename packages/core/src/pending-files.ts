import { lstat, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError, OptionError } from './errors.js'
import { hiddenFolderName, removeLeftovers } from './hidden-folder.js'
import { makeFolder } from './make-folder.js'
import {
  mergeRecords,
  NOTHING_MADE,
  readRecord,
  RECORD_NAME,
  writeRecord,
  type OutputRecord,
} from './output-record.js'

export interface PendingOptions {
  /**
   * Whether these files take the place of all that earlier runs made in the folder. What a run makes is recorded there,
   * in `.facekit.json`; what is recorded and not made again is removed at `commit`.
   */
  supersede?: boolean
}

/**
 * Files on their way into a folder. They are written under a hidden folder inside it and appear under their final
 * names only at `commit`, by rename: whoever looks sees all of a file or nothing of it. Files of the same names are
 * replaced; a folder only where an earlier run made it and all that it holds.
 *
 *     const pending = await PendingFiles.in(output)
 *     await writeFile(pending.path('classes.npy'), bytes)
 *     await pending.commit()   // or pending.discard()
 */
export class PendingFiles {
  /** Where the files will appear. */
  readonly output: string
  /** Names of hidden folders in there that killed runs had left, and that are no more. */
  readonly leftovers: readonly string[]
  readonly #pendingFolder: string
  /** What earlier runs made; undefined where that does not matter. */
  readonly #earlier: OutputRecord | undefined
  readonly #names = new Set<string>()

  private constructor(
    output: string,
    pendingFolder: string,
    earlier: OutputRecord | undefined,
    leftovers: readonly string[],
  ) {
    this.output = output
    this.leftovers = leftovers
    this.#pendingFolder = pendingFolder
    this.#earlier = earlier
  }

  /**
   * Creates `folder` where it is missing, and removes from it what killed runs left.
   *
   * @throws FacekitError `OUTPUT_FOLDER` if it cannot be written to
   */
  static async in(folder: string, { supersede = false }: PendingOptions = {}): Promise<PendingFiles> {
    if (folder === '') throw new OptionError('Expected a folder for the output but received an empty string')
    // Inside the folder, so that the rename stays on one file system.
    const pendingFolder = join(folder, hiddenFolderName())
    try {
      await makeFolder(pendingFolder)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new FacekitError(
        'OUTPUT_FOLDER',
        `Expected a folder to write to at ${folder} but got ${reason}`,
        { cause },
      )
    }
    try {
      const earlier = supersede ? await readRecord(folder) : undefined
      return new PendingFiles(folder, pendingFolder, earlier, await removeLeftovers(folder))
    } catch (error) {
      await rmdir(pendingFolder)
      throw error
    }
  }

  /** Where to write the file or folder that will be called `name`. */
  path(name: string): string {
    this.#names.add(name)
    return join(this.#pendingFolder, name)
  }

  /** The hidden folder itself, for what is never committed. */
  get folder(): string {
    return this.#pendingFolder
  }

  /** A place for what is never committed. */
  scratchPath(name: string): string {
    return join(this.#pendingFolder, name)
  }

  /**
   * Checks that what stands under a name may be replaced. `commit` checks it too; this is for before the work.
   *
   * @param kindOf what may come to stand under a name, if anything
   * @throws FacekitError `OUTPUT_EXISTS`
   */
  async checkRoom(kindOf: (name: string) => 'file' | 'folder' | undefined): Promise<void> {
    for (const entry of await readdir(this.output, { withFileTypes: true })) {
      const kind = kindOf(entry.name)
      if (kind === undefined || (kind === 'file' && !entry.isDirectory())) continue
      const obstacle = entry.isDirectory() ? await this.#foreignIn(entry.name) : 'is no folder'
      if (obstacle === undefined) continue
      throw new FacekitError(
        'OUTPUT_EXISTS',
        `Expected room for ${join(this.output, entry.name)} but what stands there ${obstacle}. Move it away, or choose another folder for the output.`,
      )
    }
  }

  /**
   * Moves every file and folder to its final name.
   *
   * @returns names of the files of earlier runs that are no more: nothing of the same name was made
   * @throws FacekitError `OUTPUT_EXISTS` where something must not be replaced; nothing has been moved then
   */
  async commit(): Promise<string[]> {
    for (const name of this.#names) await flush(join(this.#pendingFolder, name))
    const made = await this.#made()
    await this.checkRoom((name) =>
      made.folders.has(name) ? 'folder' : made.files.has(name) ? 'file' : undefined,
    )
    // Should the run be killed from here on, the next one knows all that there may be.
    if (this.#earlier) await this.#record(mergeRecords(this.#earlier, made))
    for (const name of this.#names) {
      await this.#removeFolder(name)
      await rename(join(this.#pendingFolder, name), join(this.output, name))
    }
    const removed = await this.#removeOthers(made)
    if (this.#earlier) await this.#record(made)
    await this.discard()
    return removed
  }

  /** Removes what was not committed. */
  async discard(): Promise<void> {
    await rm(this.#pendingFolder, { recursive: true, force: true })
  }

  async #made(): Promise<OutputRecord> {
    const files = new Set<string>()
    const folders = new Map<string, Set<string>>()
    for (const name of this.#names) {
      const path = join(this.#pendingFolder, name)
      if (await isFolder(path)) folders.set(name, new Set(await readdir(path)))
      else files.add(name)
    }
    return { files, folders }
  }

  /** Why a folder must stay; undefined where an earlier run made it and all that it holds. */
  async #foreignIn(name: string): Promise<string | undefined> {
    const recorded = this.#earlier?.folders.get(name)
    if (!recorded) return 'is a folder that facekit did not make'
    const foreign = (await readdir(join(this.output, name))).find((file) => !recorded.has(file))
    return foreign === undefined ? undefined : `holds ${foreign}, which facekit did not make`
  }

  /** Removes what earlier runs made and this one did not. */
  async #removeOthers(made: OutputRecord): Promise<string[]> {
    const { files, folders } = this.#earlier ?? NOTHING_MADE
    const removed: string[] = []
    for (const name of files) {
      if (!made.files.has(name) && (await removeFile(join(this.output, name)))) removed.push(name)
    }
    for (const name of folders.keys()) if (!made.folders.has(name)) await this.#removeFolder(name)
    return removed
  }

  /** Removes what is recorded of a folder, and the folder if it holds nothing else. */
  async #removeFolder(name: string): Promise<void> {
    const folder = join(this.output, name)
    const recorded = this.#earlier?.folders.get(name)
    if (!recorded || !(await isFolder(folder))) return
    for (const file of recorded) await removeFile(join(folder, file))
    if ((await readdir(folder)).length === 0) await rmdir(folder)
  }

  async #record(record: OutputRecord): Promise<void> {
    const path = join(this.#pendingFolder, RECORD_NAME)
    await writeRecord(path, record)
    await flush(path)
    await rename(path, join(this.output, RECORD_NAME))
  }
}

/** Not through a link: what it leads to is not ours. */
async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}

/** @returns whether there was one */
async function removeFile(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  if (!stats?.isFile()) return false
  await rm(path)
  return true
}

/** Without this a power loss after the rename can leave an empty file under the final name. */
async function flush(path: string): Promise<void> {
  if (await isFolder(path)) return
  const file = await open(path, 'r+')
  await file.sync().finally(() => file.close())
}
