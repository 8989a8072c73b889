import { batchSource, type FailedImage, type SourceOf } from '@facekit/core'
import { isOfPath, type ListedBatch } from '@facekit/preprocess'
import { failuresIn } from './failures-in.js'

/**
 * The images that failed in the run that made a folder, to be tried again. What has no path,
 * such as a folder that could not be listed, is passed on as it failed.
 *
 * @param listFolderOf what relative paths were meant from, if an image is of a list, by its index
 */
export function failedAgain(
  folder: string,
  batchSize: number,
  listFolderOf: (index: number) => string | undefined,
): SourceOf<ListedBatch> {
  return batchSource(async function* (): AsyncGenerator<ListedBatch> {
    let failures: FailedImage[] = []
    let listFolder: string | undefined
    for await (const failure of failuresIn(folder)) {
      const itsFolder = listFolderOf(failure.index)
      if (failures.length > 0 && (failures.length === batchSize || itsFolder !== listFolder)) {
        yield toBatch(failures, listFolder)
        failures = []
      }
      failures.push(failure)
      listFolder = itsFolder
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

function toBatch(failures: readonly FailedImage[], listFolder: string | undefined): ListedBatch {
  const images = failures.filter(isOfPath)
  return {
    indices: Uint32Array.from(images, ({ index }) => index),
    paths: images.map(({ path }) => path),
    failed: failures.filter((failure) => !isOfPath(failure)),
    ...(listFolder !== undefined && { listFolder }),
  }
}
