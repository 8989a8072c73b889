import type { Duplex, Writable } from 'node:stream'
import type { FailedImage } from '@facekit/core'
import type { Embedder } from '@facekit/embedder'
import { writeArrow } from '@facekit/io-arrow'
import { shardEmbeddings } from '@facekit/io-npy'
import { openOutput } from '../open-output.js'
import { sinkInto } from '../standard-streams.js'
import type { Talk } from '../talk.js'
import { FailureLog } from './failure-log.js'

/** Where the embeddings of a run go. */
export interface ExtractOutput {
  stages: Duplex[]
  sink: Writable
  reportFailed(failed: readonly FailedImage[]): Promise<void>
  /** Called once the flow is over. @returns the files that appeared with its end */
  finish(): Promise<string[]>
  /** Called where the flow failed: nothing appears. */
  discard(): Promise<void>
}

export interface FolderOutputOptions {
  batchSize: number | 'auto'
  splitThreshold: number
  mergeEmbs: boolean
}

/** Rows of each file set that is not merged, where the batch size is ours to choose. */
const UNMERGED_ROWS = 32_768

/** NPY files and `failed.ndjson` in a folder; they appear together. */
export async function folderOutput(
  folder: string,
  { batchSize, splitThreshold, mergeEmbs }: FolderOutputOptions,
  { dim, normalized }: Embedder,
  talk: Talk,
): Promise<ExtractOutput> {
  const pending = await openOutput(folder, talk)
  const failures = await FailureLog.in(pending).catch(async (error: unknown) => {
    await pending.discard()
    throw error
  })
  const unmergedRows = batchSize === 'auto' ? UNMERGED_ROWS : batchSize
  const shards = shardEmbeddings({
    output: pending,
    splitThreshold: mergeEmbs ? splitThreshold : unmergedRows,
    merge: mergeEmbs,
    dim,
    normalized,
  })
  return {
    stages: [],
    sink: shards,
    reportFailed: (failed) => failures.add(failed),
    async finish() {
      await failures.close()
      const { files, removed } = shards.result
      if (removed.length > 0)
        talk.warn(`Removed ${removed.length} files of an earlier run: ${removed.join(', ')}`)
      return [...files, failures.name]
    },
    async discard() {
      await failures.close()
      await pending.discard()
    },
  }
}

/** An Arrow stream; images that failed are told. */
export function streamOutput(
  stream: Writable,
  { dim, normalized, modelHash }: Embedder,
  talk: Talk,
): ExtractOutput {
  return {
    stages: [writeArrow({ dim, normalized, modelHash })],
    sink: sinkInto(stream),
    async reportFailed(failed) {
      for (const { path, reason } of failed) talk.warn(`Left out ${path}: ${reason}`)
    },
    finish: async () => [],
    discard: async () => {},
  }
}
