import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FacekitError } from '../errors.js'
import { makeFolder } from './make-folder.js'
import { isGone, parseOwner, SIGN_OF_LIFE_MS, thisProcess, type Owner } from './owner.js'

/** Begins the names of facekit's own unfinished files. */
export const HIDDEN_PREFIX = '.facekit-'

/** One after the other, each created by whoever takes the folder after the one before is gone. */
const OWNER = /^owner-([1-9]\d{0,8})\.json$/

/** Others come and go meanwhile, but not this often. */
const MOST_TRIES = 100

/**
 * A hidden folder in which one process at a time works, and by which others know that it does. A process that is gone
 * leaves its folder behind; the next one takes it over with what is in it.
 */
export class Claim {
  /** The hidden folder. */
  readonly folder: string
  /** Whether a process that is gone had left it. */
  readonly isTakenOver: boolean
  readonly #ownerFile: string
  readonly #signsOfLife: NodeJS.Timeout
  /** Folders around it that were created for it. */
  #created: readonly string[] = []

  private constructor(folder: string, ownerFile: string, isTakenOver: boolean) {
    this.folder = folder
    this.isTakenOver = isTakenOver
    this.#ownerFile = ownerFile
    this.#signsOfLife = setInterval(() => {
      // Written, so that a file server sets the time. Where that fails, the next write fails too, and is heard.
      writeFile(join(folder, ownerFile), SIGNATURE, { flag: 'r+' }).catch(() => {})
    }, SIGN_OF_LIFE_MS).unref()
  }

  /**
   * Claims the hidden folder of this name in `parent`, which is created where it is missing.
   *
   * @param name begins with `HIDDEN_PREFIX`
   * @throws FacekitError `OUTPUT_BUSY` while another process has it; `OUTPUT_FOLDER` if it cannot be written to
   */
  static async take(parent: string, name: string): Promise<Claim> {
    const folder = join(parent, name)
    let created: readonly string[] = []
    try {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const made = await makeFolder(parent).catch((error: NodeJS.ErrnoException) => {
          // Another run may have just removed a folder that was created for it, or one above.
          if (!['ENOENT', 'EEXIST'].includes(error.code ?? '') || tries + 1 === MOST_TRIES) throw error
        })
        if (!made) continue
        created = [...made, ...created]
        const claim = await this.#tryTake(parent, folder)
        if (!claim) continue
        claim.#created = created
        return claim
      }
    } catch (cause) {
      if (cause instanceof FacekitError) throw cause
      await removeEmpty([folder, ...created])
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new FacekitError(
        'OUTPUT_FOLDER',
        `Expected a folder to write to at ${parent} but got ${reason}`,
        { cause },
      )
    }
    throw new FacekitError(
      'OUTPUT_BUSY',
      `Expected ${parent} to come free but it was taken ${MOST_TRIES} times`,
    )
  }

  /** @returns undefined where another process was faster, or has just released it */
  static async #tryTake(parent: string, folder: string): Promise<Claim | undefined> {
    try {
      await makeHidden(folder)
      const last = await lastOwner(folder)
      if (last && !last.isGone) throw busy(parent, folder, last.owner)
      const ownerFile = `owner-${(last?.number ?? 0) + 1}.json`
      await sign(join(folder, ownerFile))
      // It may have been taken over, released and claimed anew since: then this is nobody's successor.
      const isNext = !last || (await readOwner(folder, last.file).catch(() => undefined)) === last.text
      if (!isNext) {
        await unlink(join(folder, ownerFile))
        return undefined
      }
      const names = await readdir(folder)
      return new Claim(folder, ownerFile, names.length > 1)
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || (code === 'EEXIST' && syscall === 'open')) return undefined
      throw error
    }
  }

  /** @throws FacekitError `OUTPUT_BUSY` if another process took this one for gone */
  async check(): Promise<void> {
    const last = await lastOwner(this.folder).catch(() => undefined)
    if (last?.file === this.#ownerFile) return
    throw new FacekitError(
      'OUTPUT_BUSY',
      `Expected ${this.folder} to be this run's but ${last ? `process ${last.owner?.pid} took it over` : 'it was removed'}: this run was silent for too long`,
    )
  }

  /**
   * Removes what is in the folder, but never what says whose it is.
   *
   * @param isToGo all if left out
   */
  async clear(isToGo: (name: string) => boolean = () => true): Promise<void> {
    for (const name of await readdir(this.folder)) {
      // Whoever looks how late it is here removes what it looked at.
      if (name !== this.#ownerFile && isToGo(name))
        await rm(join(this.folder, name), { recursive: true, force: true })
    }
  }

  /**
   * Gives the folder up and removes it, with the folders that were created for it if nothing came into them.
   *
   * @param keep leaves what is in it for the next one
   */
  async release(keep = false): Promise<void> {
    clearInterval(this.#signsOfLife)
    if (!keep) await this.clear().catch(ignoreMissing)
    // From here on it is anybody's.
    await unlink(join(this.folder, this.#ownerFile)).catch(ignoreMissing)
    if (keep) return
    await removeEmpty([this.folder, ...this.#created])
  }
}

/** Not through a link: what it leads to is not ours to clear. */
async function makeHidden(folder: string): Promise<void> {
  await mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || !(await lstat(folder)).isDirectory()) throw error
  })
}

/** One process only can create it. */
async function sign(ownerFile: string): Promise<void> {
  await writeFile(ownerFile, SIGNATURE, { flag: 'wx' }).catch(async (error: NodeJS.ErrnoException) => {
    // Created, and nothing written, as on a full disk: others would wait for whoever it is.
    if (error.code !== 'EEXIST') await unlink(ownerFile).catch(() => {})
    throw error
  })
}

/** @param folders the innermost first */
async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await rmdir(folder).catch(() => {})
}

/** Of the same length each time. */
const SIGNATURE = JSON.stringify(thisProcess())

interface LastOwner {
  number: number
  file: string
  text: string
  /** Undefined for one that had no time to say who it is. */
  owner: Owner | undefined
  isGone: boolean
}

/** @param silenceOf tells for how many milliseconds nothing was heard of an owner, by its file */
async function lastOwner(
  folder: string,
  silenceOf = async (path: string) => silence(folder, path),
): Promise<LastOwner | undefined> {
  const numbers = (await readdir(folder)).flatMap((name) => OWNER.exec(name)?.[1] ?? []).map(Number)
  if (numbers.length === 0) return undefined
  const number = Math.max(...numbers)
  const file = `owner-${number}.json`
  const text = await readOwner(folder, file)
  const owner = parseOwner(text)
  const gone = isGone(owner ?? NOBODY, async () => silenceOf(join(folder, file)))
  return { number, file, text, owner, isGone: await gone }
}

async function readOwner(folder: string, file: string): Promise<string> {
  const path = join(folder, file)
  // A pipe would be waited for.
  return (await lstat(path)).isFile() ? readFile(path, 'utf8') : ''
}

/** For how long nothing was heard of an owner, by the clock that files there have. */
async function silence(folder: string, path: string): Promise<number> {
  const clock = join(folder, `clock-${randomBytes(4).toString('hex')}`)
  await writeFile(clock, '')
  try {
    return (await lstat(clock)).mtimeMs - (await lstat(path)).mtimeMs
  } finally {
    await unlink(clock).catch(() => {})
  }
}

/**
 * Looks who has a hidden folder, and touches nothing that is in it.
 *
 * @returns undefined where nobody was there
 */
export async function lookForOwner(folder: string): Promise<{ host: string; isThere: boolean } | undefined> {
  const last = await lastOwner(folder, async (path) => Date.now() - (await lstat(path)).mtimeMs).catch(
    ignoreMissing,
  )
  return last && { host: last.owner?.host ?? '', isThere: !last.isGone }
}

/** Told by its silence alone. */
const NOBODY: Owner = { pid: 0, host: '', place: '', started: '' }

function busy(parent: string, folder: string, owner: Owner | undefined): FacekitError {
  const who =
    owner === undefined
      ? 'another process'
      : owner.pid === process.pid && owner.place === thisProcess().place
        ? 'this very process'
        : `process ${owner.pid} on ${owner.host}`
  return new FacekitError(
    'OUTPUT_BUSY',
    `Expected ${parent} for one run at a time but ${who} is writing to it. Wait for it, or choose another folder; if there is no such process any more, remove ${folder}.`,
  )
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
