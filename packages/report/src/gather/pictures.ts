import { PICTURE_SIDE } from '../limits.js'
import type { ReportSources } from '../sources.js'

/** An image that is shown, or the reason why it is not. */
export interface Picture {
  path: string
  /** WebP, base64. */
  data?: string
  reason?: string
}

/** Decoded at once: as many as libuv has threads, which decode. */
const AT_ONCE = 4

/**
 * Makes the pictures of some rows, each once.
 *
 * @param rows any number of times, in any order
 */
export async function makePictures(
  rows: Iterable<number>,
  { labels, thumbnail }: ReportSources,
  signal: AbortSignal | undefined,
): Promise<Map<number, Picture>> {
  const ascending = [...new Set(rows)].sort((a, b) => a - b)
  const paths = await labels.paths(ascending)
  const pictures = new Map<number, Picture>()
  const waiting = ascending.entries()
  const work = async () => {
    for (const [i, row] of waiting) {
      signal?.throwIfAborted()
      const path = paths[i]!
      try {
        const bytes = await thumbnail(path, PICTURE_SIDE)
        pictures.set(row, { path, data: Buffer.from(bytes).toString('base64') })
      } catch (error) {
        const { reason, message } = error as Error & { reason?: string }
        pictures.set(row, { path, reason: reason ?? message })
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return pictures
}
