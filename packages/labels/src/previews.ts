import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clustering, PendingFiles } from '@facekit/core'
import sharp from 'sharp'
import { className } from './class-names.js'
import { rowsOf, type PathSource } from './labelled-rows.js'
import { previewNames } from './preview-names.js'

const IMAGES_PER_CLASS = 10
const SIZE = 112

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
  /** Why the previews of further classes were given up: one could not be written. */
  previewsGivenUp?: string
}

/**
 * Writes a folder of pictures for each of the largest classes: its first images, 112×112. Where one cannot be written,
 * such as on a full disk, that class and those after it get none: previews are not worth the labels.
 */
export async function writePreviews(
  pending: PendingFiles,
  paths: PathSource,
  clustering: Clustering,
  { groups, decode }: PreviewOptions,
  signal: AbortSignal,
): Promise<PreviewSummary> {
  const summary: PreviewSummary = { folders: [], previews: 0, failedPreviews: 0 }
  const chosen = await choosePaths(paths, clustering, groups)
  for (const [number, images] of chosen.entries()) {
    const name = className(number)
    // It becomes one of the files to commit when all of it is there.
    const folder = pending.scratchPath(name)
    try {
      await mkdir(folder)
      const previews = await writeClass(folder, images, decode, signal)
      pending.path(name)
      summary.folders.push(name)
      summary.previews += previews
      summary.failedPreviews += images.length - previews
    } catch (error) {
      signal.throwIfAborted()
      // Room for the rest of the labels.
      await rm(folder, { recursive: true, force: true }).catch(() => {})
      return { ...summary, previewsGivenUp: error instanceof Error ? error.message : String(error) }
    }
  }
  return summary
}

/** The first images of each of the largest classes. */
async function choosePaths(paths: PathSource, clustering: Clustering, groups: number): Promise<string[][]> {
  const { classOf, sizes } = clustering
  const chosen = Array.from({ length: Math.min(groups, sizes.length) }, (): string[] => [])
  if (chosen.length === 0) return chosen
  for await (const batch of rowsOf(paths, clustering)) {
    batch.paths.forEach((path, i) => {
      const images = chosen[classOf[batch.firstRow + i]!]
      if (images && images.length < IMAGES_PER_CLASS) images.push(path)
    })
  }
  return chosen
}

/**
 * One image at a time: many large ones at once would take more memory than the search.
 *
 * @returns how many could be decoded
 */
async function writeClass(
  folder: string,
  images: readonly string[],
  decode: PreviewOptions['decode'],
  signal: AbortSignal,
): Promise<number> {
  const names = previewNames(images)
  let written = 0
  for (const [i, path] of images.entries()) {
    signal.throwIfAborted()
    const pixels = await decode(path).catch(() => undefined)
    if (!pixels) continue
    const jpeg = await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
      .jpeg({ quality: 90 })
      .toBuffer()
    await writeFile(join(folder, names[i]!), jpeg)
    written++
  }
  return written
}
