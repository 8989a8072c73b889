import { mkdir } from 'node:fs/promises'
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
  /** Decodes an image to 112 × 112 × 3 uint8, RGB. */
  decode: (path: string) => Promise<Uint8Array>
}

export interface PreviewSummary {
  folders: string[]
  previews: number
  /** Images that could not be decoded any more. */
  failedPreviews: number
}

/** Writes a folder of pictures for each of the largest classes: its first images, 112×112. */
export async function writePreviews(
  pending: PendingFiles,
  paths: PathSource,
  clustering: Clustering,
  { groups, decode }: PreviewOptions,
): Promise<PreviewSummary> {
  const summary: PreviewSummary = { folders: [], previews: 0, failedPreviews: 0 }
  const chosen = await choosePaths(paths, clustering, groups)
  for (const [number, images] of chosen.entries()) {
    const folder = className(number)
    const target = pending.path(folder)
    await mkdir(target)
    summary.folders.push(folder)
    const names = previewNames(images)
    const written = await Promise.all(
      images.map((path, i) => writePreview(path, join(target, names[i]!), decode)),
    )
    summary.previews += written.filter(Boolean).length
    summary.failedPreviews += written.filter((done) => !done).length
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

/** @returns whether the image could be decoded */
async function writePreview(path: string, file: string, decode: PreviewOptions['decode']): Promise<boolean> {
  const pixels = await decode(path).catch(() => undefined)
  if (!pixels) return false
  await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
    .jpeg({ quality: 90 })
    .toFile(file)
  return true
}
