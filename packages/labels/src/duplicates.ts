import { open, type FileHandle } from 'node:fs/promises'
import { dot, NOT_A_DUPLICATE, readVectors } from '@facekit/core'
import type { Clustering, EmbeddingReader } from '@facekit/core'
import { KeptImages, type KeptImage } from './kept-images.js'
import { rowsOf, type PathSource } from './labelled-rows.js'

export const DUPLICATES_NAME = 'duplicates.csv'

const HEAD = 'removed,kept,cosine,removed_index,kept_index\n'

/** Of embeddings that are held at once. */
const EMBEDDING_BYTES = 2 ** 23

/** A removed image and the row that stays in its place. */
interface Removed extends KeptImage {
  row: number
  stays: number
}

/**
 * Writes every removed image as a line of a CSV file (RFC 4180), in the order of the rows: its path, the path of the image
 * that stays in its place, the cosine of the two, and their positions in the original input. Both may be similar to a third
 * only, so that the cosine may be below any threshold.
 *
 * @param scratch name for a file that is needed meanwhile: paths of images that stay are not held
 */
export async function writeDuplicates(
  file: string,
  scratch: string,
  paths: PathSource,
  clustering: Clustering,
  embeddings: EmbeddingReader,
  signal: AbortSignal,
): Promise<void> {
  const isKept = keptRows(clustering)
  const kept = new KeptImages(scratch, isKept.length)
  const most = Math.max(1, Math.floor(EMBEDDING_BYTES / (2 * 4 * embeddings.dim)))
  const csv = await open(file, 'w')
  try {
    await csv.appendFile(HEAD)
    for await (const { firstRow, indices, paths: batch } of rowsOf(paths, clustering)) {
      const removed: Removed[] = []
      batch.forEach((path, i) => {
        const row = firstRow + i
        const image = { index: indices[i]!, path }
        const stays = clustering.duplicateOf[row]!
        if (stays !== NOT_A_DUPLICATE) removed.push({ ...image, row, stays })
        else if (isKept[row]) kept.add(row, image)
      })
      // What stays comes before what was removed for it.
      kept.flush()
      for (let at = 0; at < removed.length; at += most) {
        signal.throwIfAborted()
        await writeSome(csv, removed.slice(at, at + most), kept, embeddings)
      }
    }
  } finally {
    await csv.close()
    kept.remove()
  }
}

/** rows × uint8: 1 where others were removed for a row. */
function keptRows({ duplicateOf }: Clustering): Uint8Array {
  const isKept = new Uint8Array(duplicateOf.length)
  for (const stays of duplicateOf) if (stays !== NOT_A_DUPLICATE) isKept[stays] = 1
  return isKept
}

async function writeSome(
  csv: FileHandle,
  removed: readonly Removed[],
  kept: KeptImages,
  embeddings: EmbeddingReader,
): Promise<void> {
  const vectors = await readVectors(
    embeddings,
    removed.flatMap(({ row, stays }) => [row, stays]),
  )
  const lines = removed.map(({ row, stays, index, path }) => {
    const image = kept.of(stays)
    const cosine = dot(vectors.get(row)!, vectors.get(stays)!).toFixed(6)
    return `${field(path)},${field(image.path)},${cosine},${index},${image.index}\n`
  })
  await csv.appendFile(lines.join(''))
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
