import { statSync } from 'node:fs'
import { FacekitError } from '@facekit/core'
import { imageList, type ListedBatch } from '@facekit/preprocess'
import { describePassedOver } from './passed-over.js'

const BATCH_SIZE = 4096

/**
 * Counts the images of an input beside the work on them, so that progress can say when it ends. What can be read only
 * once stays uncounted.
 *
 * @returns stops the counting
 */
export function countImages(
  input: string,
  column: number | undefined,
  onTotal: (total: number) => void,
): () => void {
  if (!canBeReadAgain(input)) return () => {}
  const list = imageList(input, { batchSize: BATCH_SIZE, column })
  let total = 0
  list.on('data', ({ indices, failed }: ListedBatch) => (total += indices.length + failed.length))
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
  let passedOver = ''
  const list = imageList(input, {
    batchSize: 1,
    onLeftOut: (folder) => leftOut.push(folder),
    onPassedOver: (what) => (passedOver = describePassedOver(what)),
  })
  const stop = () => list.destroy(signal?.reason as Error)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    for await (const _first of list) return
  } finally {
    signal?.removeEventListener('abort', stop)
  }
  const previews = leftOut.length > 0 ? ` (previews of a clustering do not count: ${leftOut[0]})` : ''
  const others = passedOver && `; passed over: ${passedOver}`
  throw new FacekitError(
    'INPUT_EMPTY',
    `Expected images in ${input} but there are none, also in the folders below${previews}${others}. Check --input.`,
  )
}

/** Folders and files can be; a pipe, also by a name such as `/dev/stdin`, gives each line to one reader only. */
export function canBeReadAgain(input: string): boolean {
  const stats = input === '-' ? undefined : statSync(input, { throwIfNoEntry: false })
  return stats !== undefined && (stats.isFile() || stats.isDirectory())
}
