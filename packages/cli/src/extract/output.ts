import { Readable, Writable, type Duplex } from 'node:stream'
import { OptionError, WriterStream, type PendingFiles } from '@facekit/core'
import type { EmbeddingBatch, RunIdentity } from '@facekit/core'
import type { Embedder } from '@facekit/embedder'
import { writeArrow } from '@facekit/io-arrow'
import type { ShardSetOptions } from '@facekit/io-npy'
import { tap, type Tap } from '../flow.js'
import { sayCommitted } from '../said-of-output.js'
import { sinkInto } from '../standard-streams.js'
import type { Talk } from '../talk.js'
import { indicesFrom } from './indices-from.js'
import type { RecordedSet } from './recorded-set.js'
import { unmergedRows, type RunInput } from './run-identity.js'
import type { RunStart } from './run-start.js'

/** A place for the embeddings of a run, held before the model is opened, which may take minutes. */
export interface ExtractOutput {
  /** What the run read whose embeddings are there, where these are the matter. */
  read?: RunInput
  /**
   * What the flow goes into, now that the model is known.
   *
   * @param identity of the run, without its input
   * @param run what will be said of it beside the embeddings
   */
  begin(embedder: Embedder, identity: RunIdentity, run: RunStart): Promise<OutputFlow>
  /**
   * Releases the place; what has not appeared does not.
   *
   * @param error what ended the run, if something did
   */
  close(error: unknown): Promise<void>
}

export interface OutputFlow {
  /** What an earlier run had done: that many images do not come any more. */
  resumed: { images: number; failed: number }
  /** Comes in the place of the input. */
  source?: Readable
  /** Images that there will be then. */
  total?: number
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

export interface FolderOutputOptions extends RunInput {
  batchSize: number | 'auto'
  splitThreshold: number
  mergeEmbs: boolean
  /** What becomes of an unfinished run; see `PendingFiles`. */
  resume?: boolean | undefined
  /** Whether these embeddings are added to those that are there. */
  append?: boolean | undefined
  /** Whether they take the place of those that are there; refused where neither is said. */
  overwrite?: boolean | undefined
}

/** @param onCommitted called once all is where it belongs */
export function flowInto(set: RecordedSet, talk: Talk, onCommitted = () => {}): OutputFlow {
  return {
    resumed: set.resumed,
    listStages: [set.list.stage(), ...(set.firstIndex > 0 ? [indicesFrom(set.firstIndex)] : [])],
    stages: [],
    sink: new WriterStream(set),
    isCommitted: () => set.result !== undefined,
    async finish() {
      const { files, ...committed } = set.result!
      sayCommitted(committed, talk)
      onCommitted()
      return files
    },
  }
}

export function shardSetOptions(
  { mergeEmbs, splitThreshold, batchSize }: FolderOutputOptions,
  dim: number,
  normalized: boolean,
): ShardSetOptions & { splitThreshold: number } {
  const rows = mergeEmbs ? splitThreshold : unmergedRows(batchSize)
  return { splitThreshold: rows, merge: mergeEmbs, dim, normalized }
}

/** For a run all of whose files are in their places. */
export function nothingToDo(pending: PendingFiles, resumed: OutputFlow['resumed']): OutputFlow {
  return {
    resumed,
    source: Readable.from([]),
    total: resumed.images,
    listStages: [],
    stages: [],
    sink: new Writable({ objectMode: true }),
    isCommitted: () => true,
    finish: async () => [...pending.earlierFiles.keys()],
  }
}

/**
 * An Arrow stream; images that failed are told.
 *
 * @throws OptionError for a run that is to be gone on with: what went into a pipe is gone
 */
export function streamOutput(
  stream: Writable,
  { resume, append, overwrite }: FolderOutputOptions,
  talk: Talk,
): ExtractOutput {
  if (append || overwrite) {
    throw new OptionError(
      `Expected --output for --${append ? 'append' : 'overwrite'} but the embeddings go to stdout`,
    )
  }
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
