import { writeFile } from 'node:fs/promises'
import { Writable } from 'node:stream'
import {
  iterate,
  NO_CLASS,
  NOT_A_DUPLICATE,
  PendingFiles,
  type BatchesOf,
  type Clustering,
  type Committed,
  type LabelArrayWriter,
  type LabelRun,
  type PathBatch,
  type SinkOf,
} from '@facekit/core'
import { ASSIGNMENTS_NAME, writeAssignments } from './assignments.js'
import { classNames, classNumber, shortCount } from './class-names.js'
import { dataList } from './data-list.js'
import { describeDistribution } from './distribution.js'
import { LabelError } from './errors.js'
import type { PathSource } from './labelled-rows.js'
import { writePreviews, type PreviewOptions } from './previews.js'
import { RUN_NAME, writeRun } from './run-file.js'

/** What labels are made of, and where they go. */
export interface LabelOptions {
  /** Folder for the labels, created where it is missing; or what `openLabels` gave. */
  output: string | PendingFiles
  paths: PathSource
  arrays: LabelArrayWriter
  previews: PreviewOptions
  /** Whether duplicates were looked for at all. */
  removedDuplicates: boolean
  /** What made the classes, for `clustering_result.txt`; nothing is said if left out. */
  method?: string
  /** What made them, for `run.json`; there is none if left out. */
  run?: LabelRunStart
}

/** What is known before there are labels. */
export type LabelRunStart = Omit<LabelRun, 'seconds' | 'classes' | 'labelled' | 'duplicates'>

const DISTRIBUTION_NAME = 'clustering_result.txt'

/** Of what an earlier run made in the folder nothing is left. */
export interface LabelSummary extends Committed {
  classes: number
  /** Images in a class. */
  labelled: number
  duplicates: number
  previews: number
  /** Images that could not be decoded for their preview. */
  failedPreviews: number
  /** Why there are no previews, where one could not be written. */
  previewsGivenUp?: string
  /** Names of the files and folders in the output folder. */
  files: string[]
}

/** Takes one `Clustering`. */
export interface LabelWriter extends SinkOf<Clustering> {
  /** Whether the files are in their places: also where the stream was destroyed while they were moved there. */
  readonly isCommitted: boolean
  /** What was written; there once the stream has finished. */
  readonly result: LabelSummary
}

/**
 * Files of labels on their way into a folder.
 *
 * @param groups how many classes may get a preview folder
 * @param resume false to drop an unfinished run that is there; labels themselves are made in one go
 * @throws FacekitError what `PendingFiles.in` throws, before the search: for a folder of the user's under the name of a
 * preview folder, above all
 */
export async function openLabels(folder: string, groups: number, resume?: boolean): Promise<PendingFiles> {
  // The names of the label arrays hold counts that are not known yet.
  const fixed = new Set<string>([DISTRIBUTION_NAME, ASSIGNMENTS_NAME, RUN_NAME])
  return PendingFiles.in(folder, 'labels', {
    mayWrite: (name) => fixed.has(name) || classNumber(name) < groups,
    resume,
  })
}

/**
 * Stage: takes one `Clustering` and writes the labels of it: `fr_train_{C}_class_{D}_data_classes.npy`,
 * `fr_train_{C}_class_{D}_data_data_list.npy`, `clustering_result.txt`, `assignments.parquet`, `run.json` and preview folders.
 * They appear together, when the stream finishes, in place of all that earlier runs made in the folder; when it is
 * destroyed, or comes to its end without a `Clustering`, none does. Paths are streamed: `LABEL_ROW_BYTES` a row are held,
 * beside the clustering.
 *
 * @throws LabelError `LABEL_ROWS`
 * @throws FacekitError what `openLabels` throws, at once
 */
export function writeLabels(options: LabelOptions): LabelWriter {
  return new LabelWritable(options)
}

class LabelWritable extends Writable {
  readonly #options: LabelOptions
  readonly #stop = new AbortController()
  #pending: PendingFiles | undefined
  #writing: Promise<void> = Promise.resolve()
  #written: Omit<LabelSummary, keyof Committed> | undefined
  #result: LabelSummary | undefined

  constructor(options: LabelOptions) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#options = options
  }

  get isCommitted(): boolean {
    return this.#result !== undefined
  }

  get result(): LabelSummary {
    if (!this.#result) throw new Error('LabelWriter.result is there only after the stream has finished')
    return this.#result
  }

  override _construct(callback: (error?: Error | null) => void): void {
    this.#open().then(() => callback(), callback)
  }

  override _write(
    clustering: Clustering,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    const { signal } = this.#stop
    const paths = () => untilStopped(this.#options.paths(), signal)
    const options = { ...this.#options, paths }
    this.#writing = writeAll(this.#pending!, clustering, options, signal).then((written) => {
      this.#written = written
    })
    this.#writing.then(() => callback(), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (!this.#written) {
      // Labels of nothing would take the place of earlier ones.
      callback(
        new LabelError(
          'LABEL_ROWS',
          'Expected a clustering to write labels of but the stream ended before one came',
        ),
      )
      return
    }
    const written = this.#written
    this.#writing = this.#pending!.commit().then((committed) => {
      this.#result = { ...written, ...committed }
    })
    this.#writing.then(() => callback(), callback)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#stop.abort()
    // What is still being written would come back after it was removed.
    this.#writing
      .catch(() => {})
      .then(() => this.#pending?.discard())
      .then(
        () => callback(error),
        (discardError: Error) => callback(error ?? discardError),
      )
  }

  async #open(): Promise<void> {
    const { output, previews } = this.#options
    this.#pending = typeof output === 'string' ? await openLabels(output, previews.groups) : output
  }
}

async function* untilStopped(paths: BatchesOf<PathBatch>, signal: AbortSignal): AsyncGenerator<PathBatch> {
  for await (const batch of iterate(paths)) {
    signal.throwIfAborted()
    yield batch
  }
}

async function writeAll(
  pending: PendingFiles,
  clustering: Clustering,
  { paths, arrays, previews, removedDuplicates, method, run }: LabelOptions,
  signal: AbortSignal,
): Promise<Omit<LabelSummary, keyof Committed>> {
  const { classOf, duplicateOf, sizes } = clustering
  const labelled = classOf.reduce((count, number) => count + (number === NO_CLASS ? 0 : 1), 0)
  const duplicates = duplicateOf.reduce((count, stays) => count + (stays === NOT_A_DUPLICATE ? 0 : 1), 0)
  const prefix = `fr_train_${shortCount(sizes.length)}_class_${shortCount(labelled)}_data`
  const files = [`${prefix}_classes.npy`, `${prefix}_data_list.npy`, DISTRIBUTION_NAME, ASSIGNMENTS_NAME]
  const [classesFile, dataListFile, resultFile, assignmentsFile] = files.map((name) => pending.path(name))

  await arrays.writeStrings(classesFile!, classNames(sizes.length))
  await arrays.writeRecords(dataListFile!, labelled, dataList(paths, clustering))
  await writeFile(
    resultFile!,
    describeDistribution(sizes, removedDuplicates ? duplicates : undefined, method),
  )
  await writeAssignments(assignmentsFile!, paths, clustering)
  const { folders, ...counts } = await writePreviews(pending, paths, clustering, previews, signal)
  const outcome = { classes: sizes.length, labelled, duplicates }
  if (run) {
    const seconds = (Date.now() - Date.parse(run.startedAt)) / 1000
    await writeRun(pending.path(RUN_NAME), { ...run, seconds, ...outcome })
    files.push(RUN_NAME)
  }
  return { ...outcome, ...counts, files: [...files, ...folders] }
}
