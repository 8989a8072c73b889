import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashFile, MAX_ROWS, partsIn, readSettled, type FileMark } from '@facekit/core'
import { EdgeError } from './errors.js'

/** Says what the files of edges in its folder are. */
export const MANIFEST_NAME = 'edges.json'

const VERSION = 1

/** What edges are of. */
export interface EdgesInfo {
  /** Rows of the embeddings, and their length. */
  rows: number
  dim: number
  /** float32: pairs at or above it are there. */
  floor: number
  /** Neighbors per row, the row itself counted; Infinity for every pair. */
  topK: number
  /** Of the embeddings: see `EmbeddingsFingerprint`. */
  fingerprint: string
  /** Rows that hold NaN or infinity, which no edge touches. */
  unusable: number
}

/** A file of edges and how many it holds. */
export interface EdgeFile extends FileMark {
  name: string
  edges: number
}

/** Edges in a folder. */
export interface EdgeSet extends EdgesInfo {
  folder: string
  edges: number
  files: readonly EdgeFile[]
  /** Of each file as it was when the set was opened. */
  marks: ReadonlyMap<string, string>
}

export function nameOfEdges(number: number): string {
  return `edges_${number}.parquet`
}

export function formatManifest(info: EdgesInfo, files: readonly EdgeFile[]): string {
  const { rows, dim, floor, topK, fingerprint, unusable } = info
  const manifest = {
    version: VERSION,
    rows,
    dim,
    floor,
    topK: topK === Infinity ? 'all' : topK,
    embeddings: fingerprint,
    unusable,
    edges: files.reduce((sum, file) => sum + file.edges, 0),
    files,
  }
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}

/**
 * Opens the edges in a folder: reads the manifest, and looks whether its files are there, by their sizes. See
 * `checkEdges` for what is in them.
 *
 * @throws EdgeError `EDGES_FOLDER`, `EDGES_MANIFEST`, `EDGES_CHANGED`; FacekitError what `readSettled` throws
 */
export async function openEdges(folder: string): Promise<EdgeSet> {
  return readSettled(folder, async () => {
    const manifest = join(folder, MANIFEST_NAME)
    const text = await readFile(manifest, 'utf8').catch(async (cause: NodeJS.ErrnoException) => {
      const parts = await partsIn(folder).catch(() => [])
      if (parts.length > 0)
        throw new EdgeError(
          'EDGES_FOLDER',
          `Expected edges in ${folder} but there are parts of them, which are not joined yet: facekit label does that.`,
          { cause },
        )
      const fix = 'Make edges by facekit search, or by cluster, which keeps them in edges/ beside its labels.'
      throw new EdgeError(
        'EDGES_FOLDER',
        `Expected edges in ${folder} but ${cause.code === 'ENOENT' ? `there is no ${MANIFEST_NAME}` : cause.message}. ${fix}`,
        { cause },
      )
    })
    const { info, files } = parseManifest(manifest, text)
    const marks = new Map<string, string>()
    for (const { name, bytes } of files) {
      const path = join(folder, name)
      const stats = await lstat(path, { bigint: true }).catch((cause: Error) => {
        throw changed(path, cause.message, { cause })
      })
      if (Number(stats.size) !== bytes) throw changed(path, `it has ${stats.size} bytes instead of ${bytes}`)
      marks.set(name, markOf(stats))
    }
    return { ...info, folder, edges: files.reduce((sum, file) => sum + file.edges, 0), files, marks }
  })
}

/**
 * Compares all files with their checksums.
 *
 * @throws EdgeError `EDGES_CHANGED`; the reason of the signal
 */
export async function checkEdges({ folder, files }: EdgeSet, signal?: AbortSignal): Promise<void> {
  for (const { name, bytes, sha256 } of files) {
    const path = join(folder, name)
    const { hash, bytes: read } = await hashFile(path, { signal }).catch((cause: Error) => {
      signal?.throwIfAborted()
      throw changed(path, cause.message, { cause })
    })
    if (read !== bytes || hash.digest('hex') !== sha256) throw changed(path, 'its contents are others')
  }
}

export function markOf(stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs].join(' ')
}

export function changed(path: string, what: string, options?: ErrorOptions): EdgeError {
  return new EdgeError(
    'EDGES_CHANGED',
    `Expected ${path} as ${MANIFEST_NAME} says but ${what}. Make the edges again by facekit search.`,
    options,
  )
}

function parseManifest(path: string, text: string): { info: EdgesInfo; files: EdgeFile[] } {
  const refuse = (what: string) =>
    new EdgeError(
      'EDGES_MANIFEST',
      `Expected ${path} to say what the edges beside it are but ${what}. Make them again by facekit search.`,
    )
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw refuse((cause as Error).message)
  }
  if (!isObject(value)) throw refuse('it holds no object')
  const { version, rows, dim, floor, topK, embeddings, unusable, edges, files } = value
  if (version !== VERSION) throw refuse(`it is of version ${String(version)}, and not ${VERSION}`)
  if (
    !isCount(rows, MAX_ROWS) ||
    !isCount(dim) ||
    !(typeof floor === 'number' && floor >= -1 && floor <= 1) ||
    !(topK === 'all' || isCount(topK)) ||
    typeof embeddings !== 'string' ||
    !isCount(unusable, rows) ||
    !Array.isArray(files)
  )
    throw refuse('something is missing in it, or no possible value')
  const known = files.map((file, i) => {
    if (!isEdgeFile(file) || file.name !== nameOfEdges(i)) throw refuse(`file ${i} of it is none`)
    return file
  })
  if (known.reduce((sum, file) => sum + file.edges, 0) !== edges)
    throw refuse('its numbers of edges disagree')
  const info = {
    rows,
    dim,
    floor,
    topK: topK === 'all' ? Infinity : topK,
    fingerprint: embeddings,
    unusable,
  }
  return { info, files: known }
}

function isEdgeFile(value: unknown): value is EdgeFile {
  if (!isObject(value)) return false
  const { name, edges, bytes, sha256 } = value
  return typeof name === 'string' && isCount(edges) && isCount(bytes) && typeof sha256 === 'string'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown, most = Infinity): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
}
