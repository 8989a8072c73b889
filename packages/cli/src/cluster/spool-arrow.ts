import type { BatchesOf, EmbeddingBatch } from '@facekit/core'
import { readArrow } from '@facekit/io-arrow'
import { openFileSet, shardEmbeddings, type FileSet } from '@facekit/io-npy'
import { flow, tap } from '../flow.js'
import type { Progress } from '../progress.js'
import type { Talk } from '../talk.js'

/**
 * Stores an Arrow stream as a file set: clustering starts when all is there, and a pipe and a folder take the same way
 * from here on.
 *
 * @param progress of what comes
 */
export async function spoolArrow(
  arrow: BatchesOf<Uint8Array>,
  folder: string,
  progress: Progress,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<FileSet> {
  await flow(
    readArrow(arrow),
    [
      tap((batch: EmbeddingBatch) => {
        progress.count += batch.indices.length
        talk.progress(progress)
      }),
    ],
    shardEmbeddings({ output: folder }),
    signal,
  )
  progress.finish()
  talk.progress(progress)
  return openFileSet(folder)
}
