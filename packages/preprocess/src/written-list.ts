import { createHash } from 'node:crypto'
import { open, readFile, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import {
  batchSource,
  iterate,
  type BatchesOf,
  type FailedImage,
  type PendingFiles,
  type RunIdentity,
  type SourceOf,
} from '@facekit/core'
import { ImageError, InputError } from './errors.js'
import { toBatch, type ListedBatch } from './image-list.js'

/** An input as it was when it was written down, so that any part of it can be read alone, by any machine. */
export interface WrittenList {
  folder: string
  /** Images, and what has failed in their place. */
  entries: number
  /** What relative paths are meant from, if the input is a list. */
  listFolder?: string
  /** What it was written of, in words. */
  source: RunIdentity
  /** Stands for all entries and their order, hexadecimal. */
  sha256: string
  chunks: readonly Chunk[]
}

/** `CHUNK_ENTRIES` lines, the last with fewer. */
interface Chunk {
  bytes: number
  /** Hexadecimal. */
  sha256: string
}

const LIST_NAME = 'list.ndjson'
const INDEX_NAME = 'list.json'
const VERSION = 1

/** So many are read at least: a few megabytes. */
const CHUNK_ENTRIES = 2 ** 16

/**
 * Writes an input down: a line of JSON for each image, its path or what is wrong with it, and an index of them.
 *
 * @param pending of a list; it is committed
 * @param batches as of `imageList`
 * @param onWritten told the number of entries as they are written
 */
export async function writeList(
  pending: PendingFiles,
  batches: BatchesOf<ListedBatch>,
  source: RunIdentity,
  onWritten: (entries: number) => void,
): Promise<void> {
  const file = await open(pending.path(LIST_NAME), 'w')
  const chunks: Chunk[] = []
  let entries = 0
  let listFolder: string | undefined
  try {
    let lines: string[] = []
    const flush = async () => {
      const bytes = Buffer.from(lines.join(''))
      await file.appendFile(bytes)
      chunks.push({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
      lines = []
      onWritten(entries)
    }
    for await (const batch of iterate(batches)) {
      listFolder = batch.listFolder
      for (const entry of entriesOf(batch)) {
        lines.push(`${JSON.stringify(entry)}\n`)
        entries++
        if (lines.length === CHUNK_ENTRIES) await flush()
      }
    }
    if (lines.length > 0) await flush()
  } finally {
    await file.close()
  }
  const index = { version: VERSION, entries, listFolder, source, chunks }
  await writeFile(pending.path(INDEX_NAME), `${JSON.stringify(index)}\n`)
  await pending.commit()
}

/**
 * Opens a list that `writeList` wrote.
 *
 * @returns undefined where no list was written into the folder
 * @throws InputError `INPUT_LIST` for an index that is none
 */
export async function openWrittenList(folder: string): Promise<WrittenList | undefined> {
  const path = join(folder, INDEX_NAME)
  try {
    return parseIndex(folder, await readFile(path, 'utf8'))
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return undefined
    throw damaged(path, (cause as Error).message, { cause })
  }
}

/**
 * Some entries of a list, in its order, with the indices that they have in the whole. It fails
 * with InputError `INPUT_LIST` where the file is not what was written.
 *
 * @param range of entries, the end excluded
 */
export function readWrittenList(
  list: WrittenList,
  { first, end, batchSize }: { first: number; end: number; batchSize: number },
): SourceOf<ListedBatch> {
  return batchSource(async function* (): AsyncGenerator<ListedBatch> {
    const path = join(list.folder, LIST_NAME)
    const file = await open(path, 'r').catch((cause: Error) => {
      throw damaged(path, cause.message, { cause })
    })
    try {
      let start = first
      let entries: (string | ImageError)[] = []
      const take = () => {
        const { listFolder } = list
        const batch = { ...toBatch(entries, start), ...(listFolder !== undefined && { listFolder }) }
        start += entries.length
        entries = []
        return batch
      }
      for await (const entry of entriesIn(file, path, list, first, end)) {
        entries.push(entry)
        if (entries.length === batchSize) yield take()
      }
      if (entries.length > 0) yield take()
    } finally {
      await file.close()
    }
  })
}

async function* entriesIn(
  file: FileHandle,
  path: string,
  { chunks }: WrittenList,
  first: number,
  end: number,
): AsyncGenerator<string | ImageError> {
  let position = 0
  for (const [i, { bytes, sha256 }] of chunks.entries()) {
    const chunkStart = i * CHUNK_ENTRIES
    if (chunkStart >= end) return
    if (chunkStart + CHUNK_ENTRIES > first) {
      const chunk = Buffer.alloc(bytes)
      const { bytesRead } = await file.read(chunk, 0, bytes, position)
      const isAsWritten = bytesRead === bytes && createHash('sha256').update(chunk).digest('hex') === sha256
      if (!isAsWritten) throw damaged(path, `lines from ${chunkStart + 1} on are not as they were written`)
      const lines = chunk.toString().split('\n')
      const last = Math.min(end - chunkStart, lines.length - 1)
      for (let line = Math.max(0, first - chunkStart); line < last; line++) yield parseEntry(lines[line]!)
    }
    position += bytes
  }
}

/** In the order of their indices. */
function* entriesOf({ indices, paths, failed }: ListedBatch): Generator<string | Omit<FailedImage, 'index'>> {
  let next = 0
  for (const [i, path] of paths.entries()) {
    for (; next < failed.length && failed[next]!.index < indices[i]!; next++)
      yield withoutIndex(failed[next]!)
    yield path
  }
  for (; next < failed.length; next++) yield withoutIndex(failed[next]!)
}

function withoutIndex({ path, reason }: FailedImage): Omit<FailedImage, 'index'> {
  return { path, reason }
}

/** Of a line whose checksum was right. */
function parseEntry(line: string): string | ImageError {
  const entry = JSON.parse(line) as string | Omit<FailedImage, 'index'>
  return typeof entry === 'string' ? entry : new ImageError(entry.path, entry.reason)
}

function parseIndex(folder: string, text: string): WrittenList {
  const index = JSON.parse(text) as Record<string, unknown> | null
  const { version, entries, listFolder, source, chunks } = index ?? {}
  if (version !== VERSION) throw new Error(`it is of version ${String(version)}, and not ${VERSION}`)
  const isIndex =
    isCount(entries) &&
    (listFolder === undefined || typeof listFolder === 'string') &&
    typeof source === 'object' &&
    source !== null &&
    Array.isArray(chunks) &&
    chunks.every(isChunk) &&
    chunks.length === Math.ceil(entries / CHUNK_ENTRIES)
  if (!isIndex) throw new Error('something is missing in it')
  const hash = createHash('sha256').update(`${entries} ${listFolder ?? ''}`)
  for (const { sha256 } of chunks as Chunk[]) hash.update(sha256)
  return {
    folder,
    entries,
    ...(listFolder !== undefined && { listFolder }),
    source: source as RunIdentity,
    sha256: hash.digest('hex'),
    chunks: chunks as Chunk[],
  }
}

function isChunk(value: unknown): value is Chunk {
  const { bytes, sha256 } = (value ?? {}) as Partial<Record<keyof Chunk, unknown>>
  return isCount(bytes) && typeof sha256 === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function damaged(path: string, what: string, options?: ErrorOptions): InputError {
  return new InputError(
    'INPUT_LIST',
    `Expected the list of images that an extract wrote at ${path} but ${what}. Remove it and the parts beside it, and make them again.`,
    options,
  )
}
