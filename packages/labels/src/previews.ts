import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EmbeddingReader, PendingFiles } from '@facekit/core'
import sharp from 'sharp'
import { className, type NamedClustering } from './class-names.js'
import { rowsOf, type PathSource } from './labelled-rows.js'
import { previewName } from './preview-names.js'
import { typicalRows } from './typical.js'

/** The most typical images of a class that are shown, and as many of the least. */
const END_IMAGES = 5
const SIZE = 112
/** Of the journal and the record of a set of labels, more than enough. */
const RESERVE_BYTES = 2 ** 18

export interface PreviewOptions {
  /** Largest classes to show; 0 for none. */
  groups: number
  /** Decodes an image to 112 × 112 × 3 uint8, RGB. Called for one image at a time. */
  decode: (path: string) => Promise<Uint8Array>
}

export interface PreviewSummary {
  folders: string[]
  previews: number
  /** Images that could not be decoded any more. */
  failedPreviews: number
  /** Why there are none: one could not be written. */
  previewsGivenUp?: string
}

/**
 * Writes a folder of pictures for each of the largest classes: its most typical images and its least, 112×112. Where one
 * cannot be written there are none: they are worth less than the labels, which need what is left of a full disk.
 */
export async function writePreviews(
  pending: PendingFiles,
  paths: PathSource,
  clustering: NamedClustering,
  embeddings: EmbeddingReader,
  { groups, decode }: PreviewOptions,
  signal: AbortSignal,
): Promise<PreviewSummary> {
  const classes = Math.min(groups, clustering.sizes.length)
  const chosen = await choosePaths(paths, clustering, embeddings, classes, signal)
  const folders = chosen.map((_, number) => className(clustering.numbers[number]!))
  const reserve = pending.scratchPath('reserve')
  let previews = 0
  try {
    // What the commit needs after them. Zeros might take no room.
    if (folders.length > 0) await writeFile(reserve, randomBytes(RESERVE_BYTES))
    for (const [number, images] of chosen.entries())
      previews += await writeClass(pending.path(folders[number]!), images, decode, signal)
  } catch (error) {
    signal.throwIfAborted()
    for (const folder of folders) await pending.withdraw(folder)
    const previewsGivenUp = error instanceof Error ? error.message : String(error)
    return { folders: [], previews: 0, failedPreviews: 0, previewsGivenUp }
  } finally {
    await rm(reserve, { force: true })
  }
  return { folders, previews, failedPreviews: chosen.flat().length - previews }
}

/** The images of each of the largest classes that are shown, the most typical first. */
async function choosePaths(
  paths: PathSource,
  clustering: NamedClustering,
  embeddings: EmbeddingReader,
  classes: number,
  signal: AbortSignal,
): Promise<string[][]> {
  if (classes === 0) return []
  const chosen: number[][] = []
  for await (const rows of typicalRows(clustering, embeddings, classes, END_IMAGES)) {
    signal.throwIfAborted()
    chosen.push(rows)
  }
  const pathOf = new Map(chosen.flat().map((row) => [row, '']))
  for await (const batch of rowsOf(paths, clustering)) {
    batch.paths.forEach((path, i) => {
      if (pathOf.has(batch.firstRow + i)) pathOf.set(batch.firstRow + i, path)
    })
  }
  return chosen.map((rows) => rows.map((row) => pathOf.get(row)!))
}

/**
 * One image at a time: many large ones at once would take more memory than the search.
 *
 * @returns how many could be decoded
 * @throws where one cannot be written
 */
async function writeClass(
  folder: string,
  images: readonly string[],
  decode: PreviewOptions['decode'],
  signal: AbortSignal,
): Promise<number> {
  await mkdir(folder)
  let written = 0
  for (const [i, path] of images.entries()) {
    signal.throwIfAborted()
    const pixels = await decode(path).catch(() => undefined)
    if (!pixels) continue
    const jpeg = await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
      .jpeg({ quality: 90 })
      .toBuffer()
    await writeFile(join(folder, previewName(path, i, images.length)), jpeg)
    written++
  }
  return written
}
