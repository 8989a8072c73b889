import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEmbeddingModel, wrongField, type FieldKind, type LabelRun } from '@facekit/core'
import { LabelError } from './errors.js'

export const RUN_NAME = 'run.json'

const VERSION = 1

/** Whoever adds a field adds it here. */
const FIELDS: Readonly<Record<keyof LabelRun, FieldKind>> = {
  facekit: 'string',
  command: 'strings',
  folder: 'string',
  startedAt: 'string',
  seconds: 'number',
  input: 'string or null',
  edges: 'string or null',
  embeddings: 'string',
  model: 'object or null',
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
  const field = wrongField(FIELDS, run)
  if (field !== undefined) throw wrong(field)
  try {
    if (run['model'] !== null) parseEmbeddingModel(run['model'])
  } catch (cause) {
    throw wrong((cause as Error).message, cause)
  }
  // Every field was looked at.
  return run as unknown as LabelRun
}
