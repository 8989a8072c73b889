import { createReadStream, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import {
  batchSource,
  checkPositiveInteger,
  type FailedImage,
  type PathBatch,
  type SourceOf,
} from '@facekit/core'
import { below } from './below.js'
import { ImageError, InputError } from './errors.js'
import { readList } from './list.js'
import { Counts, type PassedOver } from './passed-over.js'
import { walk } from './walk.js'

/** What counts as an image in a folder, in any letter case. A list may name any file. */
export const IMAGE_EXTENSIONS = ['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.bmp', '.webp'] as const

/** Positions are uint32. */
const MAX_IMAGES = 2 ** 32

/** How an input is read. */
export interface ImageListOptions {
  /** Paths per batch. */
  batchSize: number
  /** The column of a list that holds the path, from 1. Left out: each line is a path. */
  column?: number | undefined
  /** Told of folders with previews of `facekit cluster`, which are left out. */
  onLeftOut?: (folder: string) => void
  /** Told of folders that cannot be listed; each counts as an image that failed. */
  onUnlisted?: (error: ImageError) => void
  /** Told, once all is read, what was nobody's picture. */
  onPassedOver?: (passedOver: PassedOver) => void
}

/** Images of an input. The positions that failed are not among the n paths. */
export interface ListedBatch extends PathBatch {
  /** What has no path that could be opened, ascending by index: folders that cannot be listed, names that are not UTF-8. */
  failed: FailedImage[]
  /** Of a list: what its relative paths are meant from. Lines that name no file are read in other ways then. */
  listFolder?: string
}

/**
 * The images of an input, without holding them all.
 *
 * A folder is walked recursively in natural order (`img2` before `img10`); links are followed, and each folder is visited
 * once; previews of `facekit cluster`, hidden folders and those of thumbnails and waste are left out. A text file has one
 * path per line: UTF-8, or UTF-16 with its byte order mark; lines ending in LF, CRLF or NUL, blank ones ignored;
 * relative paths are meant from the folder of the list, and all are passed on as they are written. `-` is such a list on
 * stdin; its paths and those of a pipe are relative to the working directory.
 *
 * @returns indices from 0; it fails with InputError
 */
export function imageList(input: string, options: ImageListOptions): SourceOf<ListedBatch> {
  checkPositiveInteger('batchSize', options.batchSize)
  if (options.column !== undefined) checkPositiveInteger('column', options.column)
  return batchSource((signal) => batchesOfInput(input, options, signal))
}

/**
 * Checks, without reading it, that an input can be a folder of images or a list of them.
 *
 * @param column as for `imageList`
 * @throws InputError `INPUT_MISSING`, `INPUT_LIST`
 */
export async function checkInput(input: string, column?: number): Promise<void> {
  if (input !== '-') checkStats(input, await statsOf(input), column)
}

function checkStats(input: string, stats: Stats, column: number | undefined): void {
  if (stats.isDirectory()) {
    if (column === undefined) return
    throw new InputError(
      'INPUT_LIST',
      `Expected a list with columns but ${input} is a folder. Leave --list-column out.`,
    )
  }
  if (!isImage(input)) return
  throw new InputError(
    'INPUT_LIST',
    `Expected a folder or a list of paths but ${input} is an image. Give its folder.`,
  )
}

async function* batchesOfInput(
  input: string,
  { batchSize, column, onLeftOut, onUnlisted, onPassedOver }: ImageListOptions,
  signal: AbortSignal,
): AsyncGenerator<ListedBatch> {
  const passedOver = { files: new Counts(), folders: new Counts(), lines: new Counts() }
  const stats = input === '-' ? undefined : await statsOf(input)
  if (stats) checkStats(input, stats, column)
  if (stats?.isDirectory()) {
    const images = walk(input, { isWanted: isImage, signal, passedOver, onLeftOut, onUnlisted })
    yield* batchesOf(images, batchSize)
  } else {
    const bytes = addAbortSignal(signal, stats ? createReadStream(input) : process.stdin)
    const folder =
      stats?.isFile() && !isDescriptor(input) ? dirname(below(process.cwd(), input)) : process.cwd()
    const name = stats ? input : 'stdin'
    const paths = readList(chunksOf(bytes, name), { folder, name, column, passedOver })
    yield* batchesOf(paths, batchSize, folder)
  }
  onPassedOver?.(passedOver)
}

async function statsOf(input: string): Promise<Stats> {
  try {
    return await stat(input)
  } catch (cause) {
    throw new InputError(
      'INPUT_MISSING',
      `Expected a folder of images or a list of paths at ${input} but there is none. Check --input.`,
      { cause },
    )
  }
}

/** `/dev/stdin` and what a shell makes of `<(…)`: a file where one is redirected, and still in no folder of its own. */
function isDescriptor(input: string): boolean {
  return input.startsWith('/dev/') || input.startsWith('/proc/')
}

function isImage(name: string): boolean {
  const extension = extname(name).toLowerCase()
  return IMAGE_EXTENSIONS.some((known) => known === extension)
}

async function* chunksOf(bytes: Readable, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
  } catch (cause) {
    throw new InputError(
      'INPUT_UNREADABLE',
      `Expected to read the list ${name} but ${(cause as Error).message}. Check its permissions.`,
      { cause },
    )
  }
}

async function* batchesOf(
  entryLists: AsyncIterable<(string | ImageError)[]>,
  batchSize: number,
  listFolder?: string,
): AsyncGenerator<ListedBatch> {
  let start = 0
  let entries: (string | ImageError)[] = []
  const take = (): ListedBatch => {
    const batch = toBatch(entries, start)
    start += entries.length
    if (start > MAX_IMAGES) throw new InputError('INPUT_LIST', `Expected at most ${MAX_IMAGES} images`)
    entries = []
    return listFolder === undefined ? batch : { ...batch, listFolder }
  }
  for await (const list of entryLists) {
    for (const entry of list) {
      entries.push(entry)
      if (entries.length === batchSize) yield take()
    }
  }
  if (entries.length > 0) yield take()
}

/** @param start index of the first entry */
export function toBatch(entries: readonly (string | ImageError)[], start: number): ListedBatch {
  const indices: number[] = []
  const paths: string[] = []
  const failed: FailedImage[] = []
  entries.forEach((entry, i) => {
    const index = start + i
    if (typeof entry === 'string') {
      indices.push(index)
      paths.push(entry)
    } else failed.push({ index, path: entry.path, reason: entry.reason })
  })
  return { indices: Uint32Array.from(indices), paths, failed }
}
