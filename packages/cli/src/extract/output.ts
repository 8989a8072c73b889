import type { Duplex, Writable } from 'node:stream'
import { PendingFiles, type FailedImage } from '@facekit/core'
import type { Embedder } from '@facekit/embedder'
import { writeArrow } from '@facekit/io-arrow'
import { shardEmbeddings } from '@facekit/io-npy'
import { sayCommitted, sayLeftover } from '../said-of-output.js'
import { sinkInto } from '../standard-streams.js'
import type { Talk } from '../talk.js'
import { FailureLog } from './failure-log.js'

/** A place for the embeddings of a run, held before the model is opened, which may take minutes. */
export interface ExtractOutput {
  /** What the flow goes into, now that the model is known. */
  begin(embedder: Embedder): Promise<OutputFlow>
  /** Releases the place; what has not appeared does not. */
  close(): Promise<void>
}

export interface OutputFlow {
  stages: Duplex[]
  sink: Writable
  reportFailed(failed: readonly FailedImage[]): Promise<void>
  /** Whether all is where it belongs, however the flow ended. */
  isCommitted(): boolean
  /** Called once the flow is over. @returns the files that appeared with its end */
  finish(): Promise<string[]>
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
  talk: Talk,
): Promise<ExtractOutput> {
  const pending = await PendingFiles.in(folder, 'embeddings')
  sayLeftover(pending, talk)
  const unmergedRows = batchSize === 'auto' ? UNMERGED_ROWS : batchSize
  let failures: FailureLog | undefined
  return {
    async begin({ dim, normalized }) {
      const log = (failures = await FailureLog.in(pending))
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
        reportFailed: (failed) => log.add(failed),
        isCommitted: () => shards.isCommitted,
        async finish() {
          sayCommitted(shards.result, talk)
          return [...shards.result.files, log.name]
        },
      }
    },
    async close() {
      await failures?.close()
      await pending.discard()
    },
  }
}

/** An Arrow stream; images that failed are told. */
export function streamOutput(stream: Writable, talk: Talk): ExtractOutput {
  return {
    begin: async ({ dim, normalized, modelHash }) => ({
      stages: [writeArrow({ dim, normalized, modelHash })],
      sink: sinkInto(stream),
      async reportFailed(failed) {
        for (const { path, reason } of failed) talk.warn(`Left out ${path}: ${reason}`)
      },
      isCommitted: () => false,
      finish: async () => [],
    }),
    close: async () => {},
  }
}
