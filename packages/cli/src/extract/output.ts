import type { Duplex, Writable } from 'node:stream'
import { OptionError, PendingFiles, WriterStream, type EmbeddingBatch, type RunIdentity } from '@facekit/core'
import type { Embedder } from '@facekit/embedder'
import { writeArrow } from '@facekit/io-arrow'
import { tap, type Tap } from '../flow.js'
import { grouped } from '../progress.js'
import { sayCommitted, sayKept, sayLeftover } from '../said-of-output.js'
import { sinkInto } from '../standard-streams.js'
import type { Talk } from '../talk.js'
import { RecordedSet } from './recorded-set.js'
import { unmergedRows } from './run-identity.js'

/** A place for the embeddings of a run, held before the model is opened, which may take minutes. */
export interface ExtractOutput {
  /** What the flow goes into, now that the model is known. */
  begin(embedder: Embedder, identity: () => Promise<RunIdentity>): Promise<OutputFlow>
  /**
   * Releases the place; what has not appeared does not.
   *
   * @param error what ended the run, if something did
   */
  close(error: unknown): Promise<void>
}

export interface OutputFlow {
  /** What an unfinished run had done: that many images do not come any more. */
  resumed: { images: number; failed: number }
  /** Right after the list. */
  listStages: Duplex[]
  /** After the embeddings. */
  stages: (Duplex | Tap)[]
  sink: Writable
  /** Whether all is where it belongs, however the flow ended. */
  isCommitted(): boolean
  /** Called once the flow is over. @returns the files that appeared with its end */
  finish(): Promise<string[]>
}

export interface FolderOutputOptions {
  batchSize: number | 'auto'
  splitThreshold: number
  mergeEmbs: boolean
  /** What becomes of an unfinished run; see `PendingFiles`. */
  resume?: boolean | undefined
}

/** NPY files and `failed.ndjson` in a folder; they appear together. */
export async function folderOutput(
  folder: string,
  { batchSize, splitThreshold, mergeEmbs, resume }: FolderOutputOptions,
  talk: Talk,
): Promise<ExtractOutput> {
  const pending = await PendingFiles.in(folder, 'embeddings', { resume })
  sayLeftover(pending, talk)
  let set: RecordedSet | undefined
  return {
    async begin({ dim, normalized }, identity) {
      const checkpoints = pending.checkpoints(await identity())
      const options = {
        splitThreshold: mergeEmbs ? splitThreshold : unmergedRows(batchSize),
        merge: mergeEmbs,
        dim,
        normalized,
      }
      const sayResumed = (images: number) => talk.info(`Going on after ${grouped(images)} images`)
      const opened = (set = await RecordedSet.open(pending, checkpoints, options, sayResumed))
      return {
        resumed: opened.resumed,
        listStages: [opened.list.stage()],
        stages: [],
        sink: new WriterStream(opened),
        isCommitted: () => opened.result !== undefined,
        async finish() {
          const { files, ...committed } = opened.result!
          sayCommitted(committed, talk)
          return files
        },
      }
    },
    async close() {
      await pending.discard()
      if (set) sayKept(pending, talk)
    },
  }
}

/**
 * An Arrow stream; images that failed are told.
 *
 * @throws OptionError for a run that is to be gone on with: what went into a pipe is gone
 */
export function streamOutput(
  stream: Writable,
  { resume }: Pick<FolderOutputOptions, 'resume'>,
  talk: Talk,
): ExtractOutput {
  if (resume) {
    throw new OptionError(
      'Expected --output for --resume but the embeddings go to stdout. A pipe cannot be gone on with.',
    )
  }
  let images = 0
  return {
    begin: async ({ dim, normalized, modelHash }) => ({
      resumed: { images: 0, failed: 0 },
      listStages: [],
      stages: [
        tap(({ indices, failed = [] }: EmbeddingBatch) => {
          images += indices.length
          for (const { path, reason } of failed) talk.warn(`Left out ${path}: ${reason}`)
        }),
        writeArrow({ dim, normalized, modelHash }),
      ],
      sink: sinkInto(stream),
      isCommitted: () => false,
      finish: async () => [],
    }),
    async close(error) {
      // A reader that has enough ends the run as it likes.
      if (error === undefined || images === 0 || (error as NodeJS.ErrnoException).code === 'EPIPE') return
      talk.info(
        'A pipe cannot be gone on with: extract --output embeddings/ could, and cluster --input embeddings/ after it',
      )
    },
  }
}
