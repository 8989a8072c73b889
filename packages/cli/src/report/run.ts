import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { PendingFiles, readEmbeddingRuns, type LabelRun } from '@facekit/core'
import { checkEdges, EdgeError, type EdgeSet } from '@facekit/edges'
import { calibrate, findBridges } from '@facekit/graph'
import { openFileSet, UnitRows } from '@facekit/io-npy'
import { openAssignments, readLabelRun } from '@facekit/labels'
import { thumbnail } from '@facekit/preprocess'
import { LEAST_HALF, LIMITS, writeReport, type ReportSources, type ReportSummary } from '@facekit/report'
import { REPORT_DEFAULTS, withDefaults } from '../defaults.js'
import { orStopped } from '../interruption.js'
import { defaultMemoryLimit } from '../memory.js'
import { grouped } from '../progress.js'
import { sayCommitted, sayLeftover, settleInput } from '../said-of-output.js'
import { SILENT, type Talk } from '../talk.js'
import { openEdgesIn } from '../thresholds/open-edges.js'
import { sweepEdges } from '../thresholds/sweep-edges.js'
import { failuresIn, notesFailures } from '../extract/failures-in.js'
import { checkInput } from './check-input.js'
import { recordedOf } from './recorded.js'

/** What `report` is asked for. What has a default may be left out. */
export interface ReportOptions {
  /** Folder with labels. */
  labels: string
  /** Folder with the embeddings; what `run.json` names if left out. */
  input?: string | undefined
  /** Folder with the edges; those beside the labels, or what `run.json` names, if left out. */
  edges?: string | undefined
  /** Folder for the page; that of the labels if left out. */
  output?: string | undefined
  /** Decides which classes, faces and duplicates are drawn; 1 if left out. */
  seed?: number | undefined
}

/** What `report` wrote. */
export interface ReportRunSummary extends ReportSummary {
  /** The page. */
  file: string
  images: number
  /** The most memory that the program held at once, as the system counts it. */
  peakMemoryBytes: number
  seconds: number
}

const NAME = 'report.html'

/**
 * A page on its way into a folder.
 *
 * @throws FacekitError where there is no room for it: what `PendingFiles.in` throws
 */
export async function openReport(folder: string): Promise<PendingFiles> {
  return PendingFiles.in(folder, 'report')
}

/** Between thresholds that are tried. */
const STEP = 0.01

/**
 * Makes a page of labels to judge them by.
 *
 * @param talk what is said to a person; nothing if left out
 * @throws FacekitError, the reason of the signal; ReportError `REPORT_OTHER` for embeddings or edges that are not of the
 * labels
 */
export async function report(
  given: ReportOptions,
  talk: Talk = SILENT,
  signal?: AbortSignal,
): Promise<ReportRunSummary> {
  const startMs = Date.now()
  const options = withDefaults(given, REPORT_DEFAULTS)
  const folder = options.labels
  await settleInput(folder, talk)
  const labels = await openAssignments(folder)
  const run = await readLabelRun(folder)
  const output = options.output ?? folder
  const pending = await openReport(output)
  sayLeftover(pending, talk)
  const input = inputOf(options, run, talk)
  const set = input === undefined ? undefined : await orStopped(openFileSet(input), signal)
  const embeddings = set && new UnitRows(set)
  try {
    const edges = await edgesOf(options, run, talk, signal)
    // Edges tell some cosines, which are quicker to compare.
    if (run && input !== undefined && !edges?.edges) await checkInput(set!, input, folder, run, talk, signal)
    talk.info(
      `Reading ${grouped(labels.rows)} images${edges ? ` and ${grouped(edges.edges)} edges` : ''} of ${folder}`,
    )
    const duplicateThreshold = run?.duplicateThresh ?? undefined
    const sources: ReportSources = {
      folder,
      labels,
      run,
      recorded: input === undefined ? new Map() : await recordedOf(input),
      extracts: input === undefined ? [] : ((await readEmbeddingRuns(input))?.runs ?? []),
      embeddings,
      edges,
      strangers: embeddings && (await calibrate(embeddings, { seed: options.seed, signal })),
      sweep: edges && (await sweepEdges(edges, duplicateThreshold, STEP, talk, signal)).outcomes,
      findBridges: (classOf, joining) =>
        findBridges({ classOf, edges: joining, leastHalf: LEAST_HALF, most: LIMITS.bridges, signal }),
      failures: input !== undefined && (await notesFailures(input)) ? failuresIn(input) : undefined,
      thumbnail: thumbnailsFrom(run),
    }
    const summary = await writeReport(pending.path(NAME), sources, { seed: options.seed, signal })
    sayCommitted(await pending.commit(), talk)
    if (summary.missingPictures > 0)
      talk.warn(`Shown by their names alone: ${grouped(summary.missingPictures)} images that cannot be read`)
    return {
      ...summary,
      file: join(output, NAME),
      images: labels.rows,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      seconds: (Date.now() - startMs) / 1000,
    }
  } finally {
    await embeddings?.close()
    await pending.discard()
  }
}

/** What is named must be there; what was recorded may have gone. */
function inputOf({ input }: ReportOptions, run: LabelRun | undefined, talk: Talk): string | undefined {
  if (input !== undefined) return input
  if (run?.input && existsSync(run.input)) return run.input
  talk.warn(
    run?.input
      ? `The embeddings are no longer in ${run.input}: the report goes without cosines of faces. Name their folder: --input`
      : 'Where the embeddings are is not recorded, or they came through a pipe: the report goes without cosines of faces. Name their folder: --input',
  )
  return undefined
}

async function edgesOf(
  { edges, labels }: ReportOptions,
  run: LabelRun | undefined,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<EdgeSet | undefined> {
  const folders = edges === undefined ? [labels, ...(run?.edges ? [run.edges] : [])] : [edges]
  for (const folder of folders) {
    try {
      const set = await orStopped(openEdgesIn(folder), signal)
      if (run && set.fingerprint !== run.embeddings) {
        throw new EdgeError(
          'EDGES_OTHER',
          `Expected the edges that the labels in ${labels} were made of but those in ${set.folder} are of other embeddings. Name the right ones by --edges.`,
        )
      }
      await checkEdges(set, signal)
      return set
    } catch (error) {
      const isMissing = error instanceof EdgeError && error.code === 'EDGES_FOLDER'
      if (edges !== undefined || !isMissing) throw error
    }
  }
  talk.warn(
    `There are no edges beside the labels in ${labels}: the report goes without what they tell. Name their folder: --edges`,
  )
  return undefined
}

/** Paths are meant from where the labels were made, where that is still there. */
function thumbnailsFrom(run: LabelRun | undefined): ReportSources['thumbnail'] {
  const from = run && existsSync(run.folder) ? run.folder : process.cwd()
  const maxDecodeBytes = defaultMemoryLimit() / 4
  return (path, side) =>
    thumbnail(isAbsolute(path) ? path : resolve(from, path), { width: side, height: side, maxDecodeBytes })
}
