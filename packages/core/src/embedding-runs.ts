import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEmbeddingRun, type EmbeddingRun } from './embedding-run.js'
import { FacekitError } from './errors.js'
import { filesMadeIn } from './output/pending-files.js'
import { readReceipts } from './output/receipts.js'

/** Beside embeddings: what made them. */
export const EMBEDDING_RUNS_NAME = 'run.json'

const VERSION = 1

/** What made the embeddings in a folder. */
export interface EmbeddingRuns {
  /** Names of the files that hold them. */
  files: readonly string[]
  /** In the order of their images: the first, and those that were appended; or the parts. */
  runs: readonly EmbeddingRun[]
}

/** The JSON text of `run.json`. */
export function formatEmbeddingRuns({ files, runs }: EmbeddingRuns): string {
  return `${JSON.stringify({ version: VERSION, files, runs }, undefined, 2)}\n`
}

/**
 * Reads what made the embeddings in a folder: `run.json`, or the receipts of parts.
 *
 * @returns undefined for embeddings of a facekit that did not say, or of others
 * @throws FacekitError `EMBEDDING_RUNS` for what cannot be read; `PART_DAMAGED`
 */
export async function readEmbeddingRuns(folder: string): Promise<EmbeddingRuns | undefined> {
  const receipts = await readReceipts(folder, 'embeddings')
  if (receipts.length > 0) {
    const runs = receipts.flatMap(({ run }) => run ?? [])
    if (runs.length < receipts.length) return undefined
    return { files: receipts.flatMap(({ files }) => files.map(({ name }) => name)), runs }
  }
  // Labels may be beside embeddings of an older facekit.
  if ((await filesMadeIn(folder, 'labels')).includes(EMBEDDING_RUNS_NAME)) return undefined
  const file = join(folder, EMBEDDING_RUNS_NAME)
  let text: string | undefined
  try {
    text = await readFile(file, 'utf8')
    return parse(text)
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return undefined
    // The name is a common one.
    const isOurs = (await filesMadeIn(folder, 'embeddings')).includes(EMBEDDING_RUNS_NAME)
    if (!isOurs && text !== undefined && !hasRuns(text)) return undefined
    throw new FacekitError(
      'EMBEDDING_RUNS',
      `Expected what made these embeddings in ${file} but ${(cause as Error).message}. Remove it, and they count as embeddings of an older facekit.`,
      { cause },
    )
  }
}

function hasRuns(text: string): boolean {
  try {
    return Object.hasOwn(Object(JSON.parse(text)) as object, 'runs')
  } catch {
    return false
  }
}

function parse(text: string): EmbeddingRuns {
  const { version, files, runs } = Object(JSON.parse(text)) as Record<string, unknown>
  if (version !== VERSION) throw new Error(`its version is ${JSON.stringify(version)}, not ${VERSION}`)
  if (!Array.isArray(files) || !files.every((name) => typeof name === 'string'))
    throw new Error('it does not name its files')
  if (!Array.isArray(runs) || runs.length === 0) throw new Error('it holds no run')
  return { files, runs: runs.map(parseEmbeddingRun) }
}
