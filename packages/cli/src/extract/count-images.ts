import { statSync } from 'node:fs'
import { FacekitError, type PathBatch } from '@facekit/core'
import { imageList } from '@facekit/preprocess'

const BATCH_SIZE = 4096

/**
 * Counts the images of an input beside the work on them, so that progress can say when it ends. What can be read only
 * once stays uncounted.
 *
 * @returns stops the counting
 */
export function countImages(input: string, onTotal: (total: number) => void): () => void {
  if (!canBeReadAgain(input)) return () => {}
  const list = imageList(input, { batchSize: BATCH_SIZE })
  let total = 0
  list.on('data', (batch: PathBatch) => (total += batch.indices.length))
  list.on('end', () => onTotal(total))
  // The work itself reads the same input and reports what is wrong with it.
  list.on('error', () => {})
  return () => list.destroy()
}

/**
 * A list may be empty, being one of many; a folder without images is a mistake, whose result would replace an earlier
 * one.
 *
 * @throws FacekitError `INPUT_EMPTY`; the reason of the signal
 */
export async function expectImages(input: string, signal: AbortSignal | undefined): Promise<void> {
  if (input === '-' || !statSync(input).isDirectory()) return
  const leftOut: string[] = []
  const list = imageList(input, { batchSize: 1, onLeftOut: (folder) => leftOut.push(folder) })
  const stop = () => list.destroy(signal?.reason as Error)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    for await (const _first of list) return
  } finally {
    signal?.removeEventListener('abort', stop)
  }
  throw new FacekitError(
    'INPUT_EMPTY',
    `Expected images in ${input} but there are none, also in the folders below${leftOut.length > 0 ? ` (previews of a clustering do not count: ${leftOut[0]})` : ''}. Check --input.`,
  )
}

/** Folders and files can be; a pipe, also by a name such as `/dev/stdin`, gives each line to one reader only. */
export function canBeReadAgain(input: string): boolean {
  const stats = input === '-' ? undefined : statSync(input, { throwIfNoEntry: false })
  return stats !== undefined && (stats.isFile() || stats.isDirectory())
}
