import { copyFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import {
  iterate,
  NO_CLASS,
  NOT_A_DUPLICATE,
  PendingFiles,
  type BatchesOf,
  type Clustering,
  type Committed,
  type EmbeddingReader,
  type LabelArrayWriter,
  type LabelRun,
  type PathBatch,
  type SinkOf,
} from '@facekit/core'
import { ASSIGNMENTS_NAME, writeAssignments } from './assignments.js'
import { CHANGES_NAME, countChanges, writeChanges, type ChangeCounts } from './changes.js'
import {
  className,
  classNames,
  classNumber,
  numberBySize,
  shortCount,
  type NamedClustering,
} from './class-names.js'
import { dataList } from './data-list.js'
import { describeDistribution } from './distribution.js'
import { DUPLICATES_NAME, writeDuplicates } from './duplicates.js'
import { LabelError } from './errors.js'
import { keepNames, type Change, type EarlierLabels } from './keep-names.js'
import type { PathSource } from './labelled-rows.js'
import { largestClass, type LargestClass } from './largest.js'
import { writePreviews, type PreviewOptions } from './previews.js'
import { RUN_NAME, writeRun } from './run-file.js'

/** What labels are made of, and where they go. */
export interface LabelOptions {
  /** Folder for the labels, created where it is missing; or what `openLabels` gave. */
  output: string | PendingFiles
  paths: PathSource
  /** Of the same rows; read for some of them, one call at a time. */
  embeddings: EmbeddingReader
  arrays: LabelArrayWriter
  previews: PreviewOptions
  /** Whether duplicates were looked for at all. */
  removedDuplicates: boolean
  /** Labels of the first rows, or of all, whose names stay: see `keepNames`. Classes are numbered by size if left out. */
  earlier?: EarlierLabels | undefined
  /** What made the classes, for `clustering_result.txt`; nothing is said if left out. */
  method?: string
  /** What made them, for `run.json`; there is none if left out. */
  run?: LabelRunStart
  /** Whether nothing is written: `result` says what would be. */
  dryRun?: boolean
}

/** What is known before there are labels. */
export type LabelRunStart = Omit<
  LabelRun,
  'seconds' | 'classes' | 'keptNames' | 'nextName' | 'labelled' | 'duplicates'
>

const DISTRIBUTION_NAME = 'clustering_result.txt'

/** What a clustering comes to. */
export interface LabelOutcome {
  classes: number
  /** Classes of one image. */
  singletons: number
  /** Images in a class. */
  labelled: number
  duplicates: number
  /** Undefined where there is none. */
  largest: LargestClass | undefined
  /** Rows of `changes.csv`, where names of earlier labels were kept. */
  changes?: ChangeCounts
}

/** Of what an earlier run made in the folder nothing is left. */
export interface LabelSummary extends LabelOutcome, Committed {
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
  const fixed = new Set<string>([DISTRIBUTION_NAME, ASSIGNMENTS_NAME, DUPLICATES_NAME, RUN_NAME])
  return PendingFiles.in(folder, 'labels', {
    mayWrite: (name) => fixed.has(name) || classNumber(name) < groups,
    resume,
  })
}

/**
 * Looks whether there is room for preview folders under any names: which classes keep is known when all else is done.
 *
 * @throws FacekitError `OUTPUT_EXISTS`
 */
export async function checkRoomForKeptNames(pending: PendingFiles, groups: number): Promise<void> {
  const folders = (await readdir(pending.output)).filter((name) => classNumber(name) >= 0)
  await pending.checkRoomFor([CHANGES_NAME, ...(groups > 0 ? folders : [])])
}

/**
 * Stage: takes one `Clustering` and writes the labels of it: `fr_train_{C}_class_{D}_data_classes.npy`,
 * `fr_train_{C}_class_{D}_data_data_list.npy`, `clustering_result.txt`, `assignments.parquet`, `duplicates.csv`, `run.json`,
 * preview folders and, where names of earlier labels stay, `changes.csv`. They appear together, when the stream finishes, in
 * place of all that earlier runs made in the folder; when it is destroyed, or comes to its end without a `Clustering`, none
 * does. Paths are streamed: `LABEL_ROW_BYTES` a row are held, beside the clustering.
 *
 * @throws LabelError `LABEL_ROWS`; what `keepNames` throws
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
  #written: Written | undefined
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
    const writing = options.dryRun
      ? planAll(clustering, options, signal)
      : writeAll(this.#pending!, clustering, options, signal)
    this.#writing = writing.then((written) => {
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
    const commit = this.#options.dryRun ? wouldCommit(this.#pending!, written.files) : this.#pending!.commit()
    this.#writing = commit.then((committed) => {
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

type Written = Omit<LabelSummary, keyof Committed>

async function writeAll(
  pending: PendingFiles,
  clustering: Clustering,
  options: LabelOptions,
  signal: AbortSignal,
): Promise<Written> {
  const { paths, embeddings, arrays, previews, removedDuplicates, method, run, earlier } = options
  const { named, nextName, changes } = await nameClasses(clustering, earlier, signal)
  const outcome = await outcomeOf(named, embeddings)
  const { classes, labelled, duplicates } = outcome
  const [classesName, dataListName] = arrayNames(outcome)

  if (earlier && changes)
    outcome.changes = await writeChangesOf(pending, earlier, clustering.classOf.length, changes())
  await arrays.writeStrings(pending.path(classesName), classNames(named.numbers))
  await arrays.writeRecords(pending.path(dataListName), labelled, dataList(paths, named))
  await writeFile(
    pending.path(DISTRIBUTION_NAME),
    describeDistribution(clustering.sizes, removedDuplicates ? duplicates : undefined, method),
  )
  await writeAssignments(pending.path(ASSIGNMENTS_NAME), paths, named)
  if (removedDuplicates) {
    const scratch = pending.scratchPath('kept')
    await writeDuplicates(pending.path(DUPLICATES_NAME), scratch, paths, clustering, embeddings, signal)
  }
  const { folders, ...counts } = await writePreviews(pending, paths, named, embeddings, previews, signal)
  if (run) {
    const seconds = (Date.now() - Date.parse(run.startedAt)) / 1000
    const names = { keptNames: earlier !== undefined, nextName }
    await writeRun(pending.path(RUN_NAME), { ...run, seconds, classes, ...names, labelled, duplicates })
  }
  return { ...outcome, ...counts, files: [...namesOf(outcome, options), ...folders] }
}

/** What `writeAll` comes to, but for pictures that may not be there. */
async function planAll(clustering: Clustering, options: LabelOptions, signal: AbortSignal): Promise<Written> {
  const { named, changes } = await nameClasses(clustering, options.earlier, signal)
  const outcome = await outcomeOf(named, options.embeddings)
  if (changes) outcome.changes = countChanges(changes())
  const folders = [...named.numbers.subarray(0, options.previews.groups)].map(className)
  return { ...outcome, previews: 0, failedPreviews: 0, files: [...namesOf(outcome, options), ...folders] }
}

/** @throws FacekitError `OUTPUT_EXISTS` as a commit would */
async function wouldCommit(pending: PendingFiles, files: readonly string[]): Promise<Committed> {
  await pending.checkRoomFor(files)
  const earlier = [...pending.earlierFiles.keys()].filter((name) => !name.includes('/'))
  return { removed: earlier.filter((name) => !files.includes(name)), kept: [] }
}

async function outcomeOf(clustering: NamedClustering, embeddings: EmbeddingReader): Promise<LabelOutcome> {
  const { classOf, duplicateOf, sizes } = clustering
  const labelled = classOf.reduce((count, number) => count + Number(number !== NO_CLASS), 0)
  return {
    classes: sizes.length,
    singletons: sizes.reduce((count, size) => count + Number(size === 1), 0),
    labelled,
    duplicates: duplicateOf.reduce((count, stays) => count + Number(stays !== NOT_A_DUPLICATE), 0),
    largest: await largestClass(clustering, labelled, embeddings),
  }
}

/** Files right in the output, as the summary lists them. */
function namesOf(outcome: LabelOutcome, { removedDuplicates, run }: LabelOptions): string[] {
  return [
    ...arrayNames(outcome),
    DISTRIBUTION_NAME,
    ASSIGNMENTS_NAME,
    ...(outcome.changes ? [CHANGES_NAME] : []),
    ...(removedDuplicates ? [DUPLICATES_NAME] : []),
    ...(run ? [RUN_NAME] : []),
  ]
}

function arrayNames({ classes, labelled }: LabelOutcome): [classes: string, dataList: string] {
  const prefix = `fr_train_${shortCount(classes)}_class_${shortCount(labelled)}_data`
  return [`${prefix}_classes.npy`, `${prefix}_data_list.npy`]
}

interface NamedClasses {
  named: NamedClustering
  /** No number from this on was given. */
  nextName: number
  changes?: () => Iterable<Change>
}

async function nameClasses(
  clustering: Clustering,
  earlier: EarlierLabels | undefined,
  signal: AbortSignal,
): Promise<NamedClasses> {
  if (!earlier) return { named: numberBySize(clustering), nextName: clustering.sizes.length }
  const { changes, nextName, ...named } = await keepNames(clustering, earlier, signal)
  return { named, nextName, changes }
}

async function writeChangesOf(
  pending: PendingFiles,
  earlier: EarlierLabels,
  rows: number,
  changes: Iterable<Change>,
): Promise<ChangeCounts> {
  const file = pending.path(CHANGES_NAME)
  const counts = await writeChanges(file, changes)
  // The labels that are there are those of this run, which was killed when it moved them: what it changed is not to be lost.
  const isRepeated =
    pending.leftover === 'finished' && earlier.folder === pending.output && earlier.images === rows
  if (isRepeated && counts.merged + counts.split + counts.new === 0 && pending.earlierFiles.has(CHANGES_NAME))
    await copyFile(join(earlier.folder, CHANGES_NAME), file)
  return counts
}
