import { resolve } from 'node:path'
import type { EmbeddingModel } from '@facekit/core'
import type { FileSet } from '@facekit/io-npy'
import type { LabelRunStart } from '@facekit/labels'
import { ownVersion } from '../own-version.js'
import type { Survey } from '../search/survey.js'
import type { LabelEdgesOptions } from './label-edges.js'

export interface RunStartOptions extends LabelEdgesOptions {
  /** The words after the program's name. */
  command?: readonly string[] | undefined
  startMs: number
  /** Folder of the embeddings; undefined for a stream. */
  input: string | undefined
  /** Folder of the edges; undefined where they go. */
  edges: string | undefined
  /** What made the embeddings; null where that is not recorded. */
  model: EmbeddingModel | null
}

/** What is said of a run beside its labels. */
export function runStart(options: RunStartOptions, { rows }: FileSet, survey: Survey): LabelRunStart {
  const {
    command = [],
    startMs,
    input,
    edges,
    model,
    method,
    clusterThresh,
    removeDuplicates,
    duplicateThresh,
  } = options
  return {
    facekit: ownVersion(),
    command: [...command],
    folder: process.cwd(),
    startedAt: new Date(startMs).toISOString(),
    input: input === undefined ? null : resolve(input),
    edges: edges === undefined ? null : resolve(edges),
    embeddings: survey.fingerprint,
    model,
    method,
    clusterThresh,
    duplicateThresh: removeDuplicates ? duplicateThresh : null,
    images: rows,
    unusable: survey.unusable.length,
  }
}
