import { EmbeddingsFingerprint } from '@facekit/edges'
import { RowSurvey } from '@facekit/index-faiss'
import { readEmbeddings, type FileSet } from '@facekit/io-npy'
import { grouped, Progress } from '../progress.js'
import type { Talk } from '../talk.js'

/** What is known of embeddings once all were read. */
export interface Survey {
  fingerprint: string
  /** @returns that of the first rows, where it was asked for beforehand, and there are as many */
  fingerprintOf: (rows: number) => string | undefined
  /** Rows with NaN or infinite values: in no class. */
  unusable: Uint32Array
}

/**
 * Reads embeddings to see whether they are those that edges were made of.
 *
 * @param firsts of how many first rows the fingerprint is asked for, too
 */
export async function surveyEmbeddings(
  set: FileSet,
  talk: Talk,
  signal: AbortSignal | undefined,
  firsts: readonly number[] = [],
): Promise<Survey> {
  const rows = new RowSurvey(set.rows)
  const fingerprint = new EmbeddingsFingerprint(firsts.map((first) => first * set.dim))
  const progress = new Progress('read', 'embeddings')
  progress.total = set.rows
  for await (const { embeddings, dim } of readEmbeddings(set)) {
    signal?.throwIfAborted()
    fingerprint.add(embeddings)
    for (let start = 0; start < embeddings.length; start += dim) rows.add(embeddings, start, dim)
    progress.count += embeddings.length / dim
    talk.progress(progress)
  }
  const survey = {
    fingerprint: fingerprint.finish(),
    fingerprintOf: (first: number) => fingerprint.of(first * set.dim),
    unusable: rows.unusableRows(),
  }
  sayOfRows(rows, survey.unusable, talk)
  return survey
}

/** What its owner must know of embeddings that are similar to none. */
export function sayOfRows({ zeroRows }: RowSurvey, unusable: Uint32Array, talk: Talk): void {
  if (unusable.length > 0) {
    talk.warn(
      `Left out ${grouped(unusable.length)} embeddings with NaN or infinite values, the first in row ${unusable[0]}`,
    )
  }
  if (zeroRows.count > 0) {
    talk.warn(
      `${grouped(zeroRows.count)} embeddings hold nothing but zeros, the first in row ${zeroRows.first}: they are similar to none`,
    )
  }
}
