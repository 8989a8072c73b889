import type { LabelRun } from '@facekit/core'
import { EmbeddingsFingerprint } from '@facekit/edges'
import { readEmbeddings, type FileSet } from '@facekit/io-npy'
import { ReportError } from '@facekit/report'
import { Progress } from '../progress.js'
import type { Talk } from '../talk.js'

/**
 * Reads embeddings to see whether labels were made of them.
 *
 * @throws ReportError; NpyError; the reason of the signal
 */
export async function checkInput(
  set: FileSet,
  folder: string,
  labels: string,
  { embeddings: expected }: LabelRun,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<void> {
  const fingerprint = new EmbeddingsFingerprint()
  const progress = new Progress('read', 'embeddings')
  progress.total = set.rows
  for await (const { embeddings, dim } of readEmbeddings(set)) {
    signal?.throwIfAborted()
    fingerprint.add(embeddings)
    progress.count += embeddings.length / dim
    talk.progress(progress)
  }
  const found = fingerprint.finish()
  if (found === expected) return
  throw new ReportError(
    `Expected the embeddings that the labels in ${labels} were made of, ${expected}, but those in ${folder} are ${found}. Name the right ones: --input.`,
  )
}
