import { FacekitError, OptionError, type LabelRun, type PendingFiles } from '@facekit/core'
import { checkRoomForKeptNames, holdsAssignments, readLabelRun, type EarlierLabels } from '@facekit/labels'
import { grouped } from '../progress.js'
import { settleInput } from '../said-of-output.js'
import type { Survey } from '../search/survey.js'
import type { Talk } from '../talk.js'
import type { ChosenMethod } from './method.js'

export interface NamesWish {
  /** Whether classes keep the names of earlier labels; if left out, it follows from what these are of. */
  keepNames?: boolean | undefined
  /** Folder with the earlier labels, whose names are kept then; the output if left out. */
  namesOf?: string | undefined
}

/** Labels that are there before a run. */
export interface FoundLabels {
  folder: string
  run: LabelRun
  /** Whether they must serve. */
  isAsked: boolean
}

/**
 * Looks for labels whose names may stay, before the work.
 *
 * @param pending of labels
 * @param rows of the embeddings; undefined where they have not come
 * @throws OptionError where names are to be kept and cannot be; FacekitError `OUTPUT_EXISTS`
 */
export async function findEarlierLabels(
  pending: PendingFiles,
  { keepNames, namesOf, saveGroups }: NamesWish & { saveGroups: number },
  rows: number | undefined,
  talk: Talk,
): Promise<FoundLabels | undefined> {
  if (keepNames === false) {
    if (namesOf === undefined) return undefined
    throw new OptionError('Expected no --no-keep-names with --names-of but received both')
  }
  const isAsked = keepNames === true || namesOf !== undefined
  const folder = namesOf ?? pending.output
  if (namesOf !== undefined) await settleInput(namesOf, talk)
  if (!(await holdsAssignments(folder))) return numberAnew('there are none', folder, isAsked)
  const run = await readLabelRun(folder).catch((error: unknown) => {
    if (error instanceof FacekitError && !isAsked) return error.message
    throw error
  })
  if (run === undefined) return numberAnew('nothing says what they are of', folder, isAsked, talk)
  if (typeof run === 'string') return numberAnew(run, folder, isAsked, talk)
  if (rows !== undefined && run.images > rows) return numberAnew(ofMore(run, rows), folder, isAsked, talk)
  const found = { folder, run, isAsked }
  if (rows !== undefined && isOfOneSet(found, rows)) return undefined
  await checkRoomForKeptNames(pending, saveGroups)
  return found
}

/**
 * Decides whether the names of labels stay: where images were added to those of the labels, or where names stayed before.
 *
 * @throws OptionError where they are to be kept and cannot be
 */
export function chooseEarlierLabels(
  found: FoundLabels | undefined,
  rows: number,
  { fingerprintOf }: Survey,
  method: ChosenMethod,
  talk: Talk,
): EarlierLabels | undefined {
  if (!found) return undefined
  const { folder, run, isAsked } = found
  const { images, embeddings, nextName, keptNames } = run
  if (images > rows) return numberAnew(ofMore(run, rows), folder, isAsked, talk, keptNames)
  if (fingerprintOf(images) !== embeddings)
    return numberAnew('they are of other embeddings', folder, isAsked, talk, keptNames)
  if (isOfOneSet(found, rows)) return undefined
  talk.info(`Keeping the names of the labels of ${grouped(images)} images in ${folder}`)
  const [before, now] = [sayMethod(run), sayMethod(method)]
  // Whoever leaves a flag out, the next week, gets its default.
  if (before !== now)
    talk.warn(
      `The labels in ${folder} were made with ${before}, and these with ${now}: that alone splits and merges classes`,
    )
  return { folder, images, nextName }
}

/** The cosine of communities is found anew, and is another one by a little each time. */
function sayMethod({ method, clusterThresh }: Pick<LabelRun, 'method' | 'clusterThresh'>): string {
  return method === 'components' ? `--cluster_thresh ${clusterThresh}` : `--method ${method}`
}

/** Labels of one set by one threshold after the other are numbered by size each time. */
function isOfOneSet({ run, isAsked }: FoundLabels, rows: number): boolean {
  return run.images === rows && !run.keptNames && !isAsked
}

function ofMore({ images }: LabelRun, rows: number): string {
  return `they are of ${grouped(images)} images, and there are ${grouped(rows)}`
}

/**
 * @param talk hears why earlier labels do not serve, where there are some
 * @param keptNames whether names were kept until now: whoever relies on them must hear it
 */
function numberAnew(
  why: string,
  folder: string,
  isAsked: boolean,
  talk?: Talk,
  keptNames = false,
): undefined {
  if (isAsked) {
    throw new OptionError(
      `Expected labels of these embeddings, or of the first of them, in ${folder} to keep their names but ${why}. Name the folder by --names-of, or number classes anew: --no-keep-names.`,
    )
  }
  const line = `Numbering classes anew, since the names of the labels in ${folder} cannot stay: ${why}`
  if (keptNames) talk?.warn(line)
  else talk?.info(line)
}
