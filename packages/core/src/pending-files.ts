import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FacekitError } from './errors.js'

/**
 * Files on their way into a folder. They are written under a hidden folder inside it and appear under their final
 * names only at `commit`, by rename: whoever looks sees all of a file or nothing of it.
 *
 *     const pending = await PendingFiles.in(output)
 *     await writeFile(pending.path('classes.npy'), bytes)
 *     await pending.commit()   // or pending.discard()
 */
export class PendingFiles {
  readonly #folder: string
  readonly #pendingFolder: string
  readonly #names = new Set<string>()

  private constructor(folder: string, pendingFolder: string) {
    this.#folder = folder
    this.#pendingFolder = pendingFolder
  }

  /**
   * Creates `folder` where it is missing.
   *
   * @throws FacekitError `OUTPUT_FOLDER` if it cannot be written to
   */
  static async in(folder: string): Promise<PendingFiles> {
    // Inside the folder, so that the rename stays on one file system.
    const pendingFolder = join(folder, `.facekit-${process.pid}-${randomBytes(4).toString('hex')}`)
    try {
      await mkdir(pendingFolder, { recursive: true })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new FacekitError(
        'OUTPUT_FOLDER',
        `Expected a folder to write to at ${folder} but got ${reason}`,
        {
          cause,
        },
      )
    }
    return new PendingFiles(folder, pendingFolder)
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

  /** Moves every file and folder to its final name, replacing what was there. */
  async commit(): Promise<void> {
    for (const name of this.#names) await flush(join(this.#pendingFolder, name))
    for (const name of this.#names) {
      const target = join(this.#folder, name)
      await mkdir(dirname(target), { recursive: true })
      if (await isDirectory(target)) await rm(target, { recursive: true })
      await rename(join(this.#pendingFolder, name), target)
    }
    await this.discard()
  }

  /** Removes what was not committed. */
  async discard(): Promise<void> {
    await rm(this.#pendingFolder, { recursive: true, force: true })
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}

/** Without this a power loss after the rename can leave an empty file under the final name. */
async function flush(path: string): Promise<void> {
  if (await isDirectory(path)) return
  const file = await open(path, 'r+')
  await file.sync().finally(() => file.close())
}
