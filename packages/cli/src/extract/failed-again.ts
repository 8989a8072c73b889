import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { batchSource, FacekitError, type FailedImage } from '@facekit/core'
import { isOfPath, type ListedBatch } from '@facekit/preprocess'
import { FAILURES_NAME } from './failure-log.js'

/**
 * The images that failed in the run that made a folder, to be tried again: Readable of `ListedBatch`. What has no path,
 * such as a folder that could not be listed, is passed on as it failed.
 *
 * @param listFolder what relative paths were meant from, if these are of a list
 */
export function failedAgain(folder: string, batchSize: number, listFolder: string | undefined): Readable {
  return batchSource(async function* (): AsyncGenerator<ListedBatch> {
    let failures: FailedImage[] = []
    for await (const failure of failuresIn(folder)) {
      failures.push(failure)
      if (failures.length < batchSize) continue
      yield toBatch(failures, listFolder)
      failures = []
    }
    if (failures.length > 0) yield toBatch(failures, listFolder)
  })
}

/** @throws FacekitError `FAILED_LIST` */
export async function countFailures(folder: string): Promise<number> {
  let count = 0
  for await (const _failure of failuresIn(folder)) count++
  return count
}

/** In the order of the input. */
async function* failuresIn(folder: string): AsyncGenerator<FailedImage> {
  const file = join(folder, FAILURES_NAME)
  const wrong = (what: string, options?: ErrorOptions) =>
    new FacekitError(
      'FAILED_LIST',
      `Expected the images that failed in ${file} but ${what}. Run extract anew.`,
      options,
    )
  const handle = await open(file).catch((cause: Error) => {
    throw wrong(cause.message, { cause })
  })
  let line = 0
  let before = -1
  for await (const text of linesOf(handle.createReadStream({ encoding: 'utf8' }))) {
    line++
    const failure = parse(text)
    if (!failure || failure.index <= before)
      throw wrong(`line ${line} is ${JSON.stringify(text.slice(0, 80))}`)
    before = failure.index
    yield failure
  }
}

function toBatch(failures: readonly FailedImage[], listFolder: string | undefined): ListedBatch {
  const images = failures.filter(isOfPath)
  return {
    indices: Uint32Array.from(images, ({ index }) => index),
    paths: images.map(({ path }) => path),
    failed: failures.filter((failure) => !isOfPath(failure)),
    ...(listFolder !== undefined && { listFolder }),
  }
}

/** Not those of `readline`, which end at characters that names may hold. */
async function* linesOf(chunks: AsyncIterable<unknown>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = `${rest}${String(chunk)}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

function parse(text: string): FailedImage | undefined {
  try {
    const { index, path, reason } = JSON.parse(text) as Partial<Record<keyof FailedImage, unknown>>
    const isIndex = Number.isInteger(index) && Number(index) >= 0 && Number(index) < 2 ** 32
    if (!isIndex || typeof path !== 'string' || typeof reason !== 'string') return undefined
    return { index: Number(index), path, reason }
  } catch {
    return undefined
  }
}
