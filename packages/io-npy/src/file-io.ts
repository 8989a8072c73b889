import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open, stat } from 'node:fs/promises'
import { MarkedFile } from '@facekit/core'
import { NpyError } from './errors.js'

/**
 * Bytes per read, or per write of strings. Large enough that the cost of a call is nothing beside the copy, small enough that a
 * file in another encoding is converted within this much memory, and far below the 2 GiB that one call can move.
 */
export const CHUNK_BYTES = 4 * 1024 * 1024

export interface OpenFile {
  handle: FileHandle
  /** Bytes. */
  size: number
  /** Another one is another file, or one that was written to. */
  fingerprint: string
}

/** @throws NpyError `NPY_OPEN` where `file` cannot be opened as a regular file. */
export async function openForReading(file: string): Promise<OpenFile> {
  try {
    // Before opening: opening a named pipe would wait for its other end.
    const stats = await stat(file)
    if (!stats.isFile()) {
      const what = stats.isDirectory() ? 'a folder' : 'not a regular file'
      throw new NpyError('NPY_OPEN', file, `is ${what}, expected an NPY file`)
    }
    const handle = await open(file, 'r')
    try {
      const opened = await handle.stat({ bigint: true })
      return { handle, size: Number(opened.size), fingerprint: fingerprintOf(opened) }
    } catch (error) {
      await handle.close()
      throw error
    }
  } catch (error) {
    if (error instanceof NpyError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new NpyError('NPY_OPEN', file, code === 'ENOENT' ? 'no such file' : message, { cause: error })
  }
}

export function fingerprintOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs].join(' ')
}

/**
 * Creates a file, or empties it.
 *
 * @param from leaves room for so many bytes before all that is appended
 * @throws NpyError `NPY_WRITE`
 */
export async function openForWriting(file: string, from = 0): Promise<MarkedFile> {
  return writing(file, MarkedFile.create(file, from))
}

/** @throws NpyError `NPY_WRITE` */
export async function appendTo(file: MarkedFile, bytes: Uint8Array): Promise<void> {
  await writing(file.path, file.append(bytes))
}

async function writing<T>(file: string, work: Promise<T>): Promise<T> {
  return work.catch((error: Error) => {
    throw new NpyError('NPY_WRITE', file, error.message, { cause: error })
  })
}

/**
 * Fills `into` from byte `position` on, which may lie beyond 4 GiB.
 *
 * @throws NpyError `NPY_TRUNCATED` where the file ends before.
 */
export async function readFully(
  handle: FileHandle,
  into: Uint8Array,
  position: number,
  file: string,
): Promise<void> {
  let done = 0
  while (done < into.length) {
    const length = Math.min(CHUNK_BYTES, into.length - done)
    const { bytesRead } = await handle.read(into, done, length, position + done)
    if (bytesRead === 0) {
      throw new NpyError(
        'NPY_TRUNCATED',
        file,
        `ended at byte ${position + done} while bytes up to ${position + into.length} were read: was it cut short?`,
      )
    }
    done += bytesRead
  }
}

/**
 * Writes over the first bytes of a file.
 *
 * @throws NpyError `NPY_WRITE`
 */
export async function writeStart({ path, handle }: MarkedFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await writing(path, handle.write(bytes, done, bytes.length - done, done))).bytesWritten
}
