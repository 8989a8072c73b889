import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { batchSource, checkPositiveInteger, type PathBatch } from '@facekit/core'
import { below } from './below.js'
import { InputError } from './errors.js'
import { linesOf } from './lines.js'
import { walk } from './walk.js'

/** What counts as an image in a folder, in any letter case. A list may name any file. */
export const IMAGE_EXTENSIONS = ['.jpg', '.jpeg', '.png', '.bmp', '.webp'] as const

/** Positions are uint32. */
const MAX_IMAGES = 2 ** 32

export interface ImageListOptions {
  /** Paths per batch. */
  batchSize: number
  /** Told of folders with previews of `facekit cluster`, which are left out. */
  onLeftOut?: (folder: string) => void
}

/**
 * The images of an input, without holding them all.
 *
 * A folder is walked recursively in natural order (`img2` before `img10`); links are followed, and each folder is visited
 * once; previews of `facekit cluster` are left out. A text file has one path per line, UTF-8 with or without a byte order mark, lines ending in LF or CRLF, blank
 * lines ignored; relative paths are meant from the folder of the list, and all are passed on as they are written. `-` is
 * such a list on stdin, its paths relative to the working directory.
 *
 * @returns Readable of `PathBatch`, indices from 0; it fails with InputError
 */
export function imageList(input: string, { batchSize, onLeftOut = () => {} }: ImageListOptions): Readable {
  checkPositiveInteger('batchSize', batchSize)
  return batchSource((signal) => batchesOf(pathsOf(input, signal, onLeftOut), batchSize))
}

/**
 * Checks, without reading it, that an input can be a folder of images or a list of them.
 *
 * @throws InputError `INPUT_MISSING`, `INPUT_LIST`
 */
export async function checkInput(input: string): Promise<void> {
  if (input === '-' || (await isFolder(input)) || !isImage(input)) return
  throw new InputError(
    'INPUT_LIST',
    `Expected a folder or a list of paths but ${input} is an image. Give its folder.`,
  )
}

async function* pathsOf(
  input: string,
  signal: AbortSignal,
  onLeftOut: (folder: string) => void,
): AsyncGenerator<string[]> {
  await checkInput(input)
  if (input === '-') {
    yield* listedPaths(addAbortSignal(signal, process.stdin), process.cwd(), 'stdin')
  } else if (await isFolder(input)) {
    yield* walk(input, (name) => isImage(name), signal, onLeftOut)
  } else {
    const folder = dirname(below(process.cwd(), input))
    yield* listedPaths(addAbortSignal(signal, createReadStream(input)), folder, input)
  }
}

async function isFolder(input: string): Promise<boolean> {
  try {
    return (await stat(input)).isDirectory()
  } catch (cause) {
    throw new InputError(
      'INPUT_MISSING',
      `Expected a folder of images or a list of paths at ${input} but there is none. Check --input.`,
      { cause },
    )
  }
}

function isImage(name: string): boolean {
  const extension = extname(name).toLowerCase()
  return IMAGE_EXTENSIONS.some((known) => known === extension)
}

async function* listedPaths(bytes: Readable, folder: string, name: string): AsyncGenerator<string[]> {
  for await (const lines of linesOf(bytes, name)) {
    yield lines.filter((line) => line.trim() !== '').map((line) => below(folder, line))
  }
}

async function* batchesOf(pathLists: AsyncIterable<string[]>, batchSize: number): AsyncGenerator<PathBatch> {
  let start = 0
  let paths: string[] = []
  const take = (): PathBatch => {
    const indices = Uint32Array.from(paths, (_, i) => start + i)
    const batch = { indices, paths }
    start += paths.length
    if (start > MAX_IMAGES) throw new InputError('INPUT_LIST', `Expected at most ${MAX_IMAGES} images`)
    paths = []
    return batch
  }
  for await (const list of pathLists) {
    for (const path of list) {
      paths.push(path)
      if (paths.length === batchSize) yield take()
    }
  }
  if (paths.length > 0) yield take()
}
