import { statSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { hashFile, type Device, type RunIdentity } from '@facekit/core'
import type { Embedder } from '@facekit/embedder'
import type { FilledExtractOptions } from './run.js'

/** Names in an identity that say what a run reads. */
const INPUT = {
  input: '--input',
  list: 'the list',
  column: '--list-column',
  folder: 'the working directory',
} as const

/** What a run reads. */
export interface RunInput {
  input: string
  listColumn?: number | undefined
}

/** As a part of the identity of a run. */
export async function inputIdentity(
  { input, listColumn }: RunInput,
  signal: AbortSignal | undefined,
): Promise<RunIdentity> {
  return {
    // A folder of the same name elsewhere is another one.
    [INPUT.input]: input === '-' ? input : resolve(input),
    // Paths in the output may be meant from it.
    ...(!isAbsolute(input) && { [INPUT.folder]: process.cwd() }),
    ...(isFile(input) && { [INPUT.list]: (await hashFile(input, { signal })).hash.digest('hex') }),
    ...(listColumn !== undefined && { [INPUT.column]: listColumn }),
  }
}

/**
 * The rest of an identity, and what the run read.
 *
 * @returns `folder`: what relative paths in the output are meant from, undefined for those of an absolute input
 */
export function withoutInput(identity: RunIdentity): {
  rest: RunIdentity
  read: RunInput
  folder: string | undefined
} {
  const {
    [INPUT.input]: input = '-',
    [INPUT.list]: _list,
    [INPUT.column]: column,
    [INPUT.folder]: folder,
    ...rest
  } = identity
  const read = { input: String(input), listColumn: column === undefined ? undefined : Number(column) }
  return { rest, read, folder: folder === undefined ? undefined : String(folder) }
}

/** Whether an identity tells all images of the input and their order. */
export function hasListHash(identity: RunIdentity): boolean {
  return INPUT.list in identity
}

/** What relative paths in the output are meant from; undefined where all are absolute. */
export function workingFolderOf({ [INPUT.folder]: folder }: RunIdentity): string | undefined {
  return folder === undefined ? undefined : String(folder)
}

/** An identity of which relative paths are meant from a folder, if there is one. */
export function withWorkingFolder(identity: RunIdentity, folder: string | undefined): RunIdentity {
  return folder === undefined ? identity : { ...identity, [INPUT.folder]: folder }
}

/**
 * What the embeddings of a run depend on beside its input, in the words of whoever gives it. Where and how fast it runs
 * is no part of it: another machine may go on.
 *
 * @param batchSize in use
 */
export function modelIdentity(
  options: FilledExtractOptions,
  { modelHash, dim, normalized, width, height }: Embedder,
  devices: readonly Device[],
  batchSize: number,
): RunIdentity {
  const { outputName, precision, pixelMean, pixelStd, channels, maxPixels } = options
  return {
    'the model': modelHash,
    '--emb-dim': dim,
    '--use-l2-norm': normalized,
    ...(outputName !== undefined && { '--output-name': outputName }),
    ...(precision !== undefined && { '--precision': precision }),
    ...(pixelMean !== undefined && { '--pixel-mean': pixelMean.join(',') }),
    ...(pixelStd !== undefined && { '--pixel-std': pixelStd.join(',') }),
    ...(channels !== undefined && { '--channels': channels }),
    '--size': `${width}x${height}`,
    ...(maxPixels !== undefined && { '--max-pixels': maxPixels }),
    '--batch-size': batchSize,
    '--provider': devices[0]?.provider ?? 'cpu',
    ...setIdentity(options),
  }
}

/** What relative paths of an input are meant from; undefined for a folder of images. */
export function listFolderOf({ input }: { input: string }): string | undefined {
  if (input === '-') return process.cwd()
  return isFolder(input) ? undefined : dirname(input)
}

function isFolder(input: string): boolean {
  return statSync(input, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** A stream by the name of a file is none: it can be read once. */
function isFile(input: string): boolean {
  return input !== '-' && (statSync(input, { throwIfNoEntry: false })?.isFile() ?? false)
}

function setIdentity({ mergeEmbs, splitThreshold, batchSize }: FilledExtractOptions): RunIdentity {
  return mergeEmbs
    ? { '--merge-embs': true, '--split-threshold': splitThreshold }
    : { '--merge-embs': false, 'rows of each set': unmergedRows(batchSize) }
}

/** Rows of each file set that is not merged, where the batch size is ours to choose. */
const UNMERGED_ROWS = 32_768

export function unmergedRows(batchSize: number | 'auto'): number {
  return batchSize === 'auto' ? UNMERGED_ROWS : batchSize
}
