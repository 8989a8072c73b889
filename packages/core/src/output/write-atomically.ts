import { createHash } from 'node:crypto'
import { rename, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FacekitError } from '../errors.js'
import { Claim, HIDDEN_PREFIX } from './claim.js'
import { sync } from './synced.js'

/** Where to write one file, and what is needed on the way. */
export interface PendingFile {
  path: string
  scratchPath: string
}

/**
 * Writes one file so that it appears under its name whole or not at all, in place of one that is there.
 *
 * @param write writes it
 * @throws what `write` throws; FacekitError `OUTPUT_FOLDER`, `OUTPUT_BUSY` while another process writes the same file,
 * `OUTPUT_EXISTS` where a folder has its name, or anything else that is no file: `/dev/null` is not to be replaced
 */
export async function writeAtomically(
  file: string,
  write: (pending: PendingFile) => Promise<void>,
): Promise<void> {
  const pending = await OneFile.at(file)
  try {
    await write(pending)
    await pending.commit()
  } finally {
    await pending.discard()
  }
}

/** The same for whoever writes it bit by bit: one file on its way. */
export class OneFile implements PendingFile {
  readonly path: string
  readonly scratchPath: string
  readonly #file: string
  readonly #claim: Claim

  private constructor(file: string, claim: Claim) {
    this.#file = file
    this.#claim = claim
    this.path = join(claim.folder, 'file')
    this.scratchPath = join(claim.folder, 'scratch')
  }

  /**
   * Claims a hidden folder beside `file`, with room for it.
   *
   * @throws FacekitError as `writeAtomically`
   */
  static async at(file: string): Promise<OneFile> {
    await checkRoom(file)
    // Its own name may be as long as a file system takes.
    const name = createHash('sha256').update(basename(file)).digest('hex').slice(0, 16)
    const claim = await Claim.take(dirname(file), `${HIDDEN_PREFIX}file-${name}`)
    if (claim.isTakenOver) await claim.clear()
    return new OneFile(file, claim)
  }

  /**
   * Gives the file its name, once it is on the disk.
   *
   * @throws FacekitError `OUTPUT_EXISTS`, `OUTPUT_BUSY` if another process took this one for gone
   */
  async commit(): Promise<void> {
    await checkRoom(this.#file)
    await this.#claim.check()
    await sync(this.path)
    await rename(this.path, this.#file)
    await sync(dirname(this.#file))
  }

  /** Releases everything. May be called again. */
  async discard(): Promise<void> {
    await this.#claim.release()
  }
}

/** Also through a link: nothing but a file, or a link to one, gives way to a file. */
async function checkRoom(file: string): Promise<void> {
  const stats = await stat(file).catch(() => undefined)
  if (!stats || stats.isFile()) return
  const what = stats.isDirectory() ? 'a folder' : 'a device or pipe'
  throw new FacekitError(
    'OUTPUT_EXISTS',
    `Expected room for the file ${file} but ${what} has its name. Choose another.`,
  )
}
