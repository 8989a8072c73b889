import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { checkPartFits, OptionError } from '@facekit/core'
import { EmbedderError } from '@facekit/embedder'
import { isTorchFile, openStateDict } from '@facekit/iresnet'
import { checkInput } from '@facekit/preprocess'
import yargs, { type Argv } from 'yargs'
import { deviceWish } from '../device-flags.js'
import * as extractCommand from '../extract/command.js'
import { canBeReadAgain, expectImages } from '../extract/count-images.js'
import * as labelCommand from '../label/command.js'
import { checkFloor, lowestThreshold } from '../label/label-edges.js'
import { componentsThreshold } from '../label/method.js'
import { partOf } from '../part-flags.js'
import * as searchCommand from '../search/command.js'
import { runFolders } from '../run-layout.js'
import { directivesOf, type Resources } from './directives.js'
import type { ClusterRun } from './scripts.js'
import { wordsFor } from './tasks.js'

export interface PlanOptions extends Resources {
  /** Words that start facekit on every machine. */
  program: readonly string[]
  /** A folder of images or a list of paths. */
  input: string
  /** The folder of the run. */
  output: string
  parts: number
  /** Flags of the tasks, by their names and as they were typed. */
  given: Readonly<Record<string, unknown>>
}

/** @throws FacekitError for what could not work: where it is simple, those of the commands themselves */
export async function planRun(options: PlanOptions, signal: AbortSignal | undefined): Promise<ClusterRun> {
  const { program, input, output, parts, cpusPerTask, given } = options
  const run = resolve(output)
  if (/[%\\]/.test(run)) {
    throw new OptionError(
      `Expected a path without % and \\ for --output, since they mean something to Slurm in names of logs, but received ${run}`,
    )
  }
  const flags = {
    ...given,
    ...absolute('weights', given),
    ...absolute('calibration', given),
    ...absolute('names-of', given),
    'num-workers': given['num-workers'] ?? cpusPerTask,
    threads: given['threads'] ?? cpusPerTask,
  }
  const words = {
    extract: wordsFor('extract', flags),
    search: wordsFor('search', flags),
    label: wordsFor('label', flags),
  }
  const extract = parse(extractCommand.builder, words.extract)
  const search = parse(searchCommand.builder, words.search)
  const label = parse(labelCommand.builder, [...words.label, '--edges=edges'])
  deviceWish(search)
  if (search.engine === 'faiss')
    throw new OptionError('Expected --engine screened or tiles for a search in parts but received faiss')
  const part = partOf({ part: '0', parts }, {})!
  const folders = runFolders(run)
  for (const folder of [folders.extract, folders.search]) await checkPartFits(folder, part)
  const directives = directivesOf(options)
  await checkImages(input, extract.listColumn, signal)
  await checkWeights(extract.weights)
  const thresholds = { ...label, clusterThresh: surelyNeeded(label) }
  const lowest = lowestThreshold(thresholds)
  if (given['floor'] !== undefined) checkFloor(search.floor, thresholds)
  else if (lowest < search.floor) words.search.push(`--floor=${lowest}`)
  return {
    program,
    workingFolder: process.cwd(),
    input: resolve(input),
    run,
    parts,
    words,
    directives,
  }
}

function absolute(name: string, given: PlanOptions['given']): Record<string, string> {
  const path = given[name]
  return typeof path === 'string' ? { [name]: resolve(path) } : {}
}

/** The arguments that a command would have. @throws OptionError as it would */
function parse<T>(builder: (yargs: Argv) => Argv<T>, words: string[]) {
  return builder(yargs(words).exitProcess(false).help(false).version(false))
    .fail((message, error) => {
      throw new OptionError(message ?? error.message)
    })
    .parseSync()
}

/** Communities find their threshold when there are embeddings: any floor may do. */
function surelyNeeded({
  method,
  clusterThresh,
}: {
  method: string
  clusterThresh?: number | 'auto' | undefined
}): number {
  if (method === 'components') return componentsThreshold(clusterThresh)
  return typeof clusterThresh === 'number' ? clusterThresh : 1
}

async function checkImages(
  input: string,
  column: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  await checkInput(input, column)
  if (!canBeReadAgain(input)) {
    throw new OptionError(
      `Expected a folder or a list for --input, since every task reads it, but received ${input}, which can be read only once`,
    )
  }
  await expectImages(input, signal)
}

async function checkWeights(weights: string): Promise<void> {
  if (await isTorchFile(weights)) await (await openStateDict(weights)).close()
  else if (!(await stat(weights).catch(() => undefined))?.isFile())
    throw new EmbedderError('MODEL_FILE', `Expected an ONNX model at ${weights} but there is no such file`)
}
