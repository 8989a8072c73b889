import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEmbeddingModel, type LabelRun } from '@facekit/core'
import { LabelError } from './errors.js'

export const RUN_NAME = 'run.json'

const VERSION = 1

type Kind =
  | 'string'
  | 'number'
  | 'count'
  | 'boolean'
  | 'strings'
  | 'string or null'
  | 'number or null'
  | 'model or null'

/** Whoever adds a field adds it here. */
const FIELDS: Readonly<Record<keyof LabelRun, Kind>> = {
  facekit: 'string',
  command: 'strings',
  folder: 'string',
  startedAt: 'string',
  seconds: 'number',
  input: 'string or null',
  edges: 'string or null',
  embeddings: 'string',
  model: 'model or null',
  method: 'string',
  clusterThresh: 'number',
  duplicateThresh: 'number or null',
  images: 'count',
  unusable: 'count',
  classes: 'count',
  keptNames: 'boolean',
  nextName: 'count',
  labelled: 'count',
  duplicates: 'count',
}

export async function writeRun(file: string, run: LabelRun): Promise<void> {
  await writeFile(file, `${JSON.stringify({ version: VERSION, ...run }, undefined, 2)}\n`)
}

/**
 * Reads what made the labels in a folder.
 *
 * @returns undefined for labels of a facekit that did not say
 * @throws LabelError `LABEL_RUN` where it cannot be read
 */
export async function readLabelRun(folder: string): Promise<LabelRun | undefined> {
  const file = join(folder, RUN_NAME)
  const wrong = (what: string, cause?: unknown) =>
    new LabelError(
      'LABEL_RUN',
      `Expected what made these labels in ${file} but ${what}. Remove it, and they count as labels of an older facekit.`,
      { cause },
    )
  let run: Record<string, unknown>
  try {
    run = Object(JSON.parse(await readFile(file, 'utf8'))) as Record<string, unknown>
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw wrong((cause as Error).message, cause)
  }
  if (run['version'] !== VERSION)
    throw wrong(`its version is ${JSON.stringify(run['version'])}, not ${VERSION}`)
  for (const [name, kind] of Object.entries(FIELDS))
    if (!isOf(kind, run[name])) throw wrong(`${name} is ${JSON.stringify(run[name])}, not a ${kind}`)
  // Every field was looked at.
  return run as unknown as LabelRun
}

function isOf(kind: Kind, value: unknown): boolean {
  if (kind === 'model or null') return value === null || isModel(value)
  if (kind === 'strings') return Array.isArray(value) && value.every((word) => typeof word === 'string')
  if (kind === 'count') return Number.isSafeInteger(value) && (value as number) >= 0
  return (value === null && kind.endsWith('null')) || typeof value === kind.split(' ', 1)[0]
}

function isModel(value: unknown): boolean {
  try {
    parseEmbeddingModel(value)
    return true
  } catch {
    return false
  }
}
