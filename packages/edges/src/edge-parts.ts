import { join } from 'node:path'
import {
  batchSource,
  formatReceipt,
  hashFile,
  nameOfPart,
  partDamaged,
  readAllParts,
  type EdgeBatch,
  type Part,
  type PartFile,
  type Receipt,
  type SourceOf,
} from '@facekit/core'
import { readEdgeFile } from './edge-file.js'
import type { EdgesInfo } from './edge-set.js'
import { mergePairs, type PairSource } from './merge-pairs.js'
import { shortestDecimal } from './shortest-decimal.js'
import { selectEdges } from './select-edges.js'

/** The parts of edges in a folder: all of them, of one search. */
export interface EdgeParts extends EdgesInfo {
  folder: string
  parts: readonly Part[]
  /** Edges of the parts: of the whole there are no more. */
  edges: number
  files: readonly Required<PartFile>[]
}

export function nameOfPartEdges(part: Part): string {
  return `${nameOfPart(part)}.parquet`
}

export function formatEdgeReceipt(
  part: Part,
  info: EdgesInfo,
  counts: Receipt['counts'],
  seconds: number,
  files: readonly Required<PartFile>[],
): string {
  return formatReceipt({ kind: 'edges', part, of: identityOf(info), counts, seconds, files })
}

/** What edges are of, as parts say it. */
export function identityOf({ rows, dim, floor, topK, fingerprint, unusable }: EdgesInfo): Receipt['of'] {
  return {
    embeddings: fingerprint,
    rows,
    dim,
    floor: shortestDecimal(floor),
    topK: topK === Infinity ? 'all' : topK,
    unusable,
  }
}

/**
 * Opens the parts in a folder. What is in their files is checked by `checkEdgeParts`.
 *
 * @returns undefined where there are none
 * @throws FacekitError `PART_MISSING`, `PART_OTHER`, `PART_DAMAGED`
 */
export async function openEdgeParts(folder: string): Promise<EdgeParts | undefined> {
  const receipts = await readAllParts(folder, 'edges')
  if (!receipts) return undefined
  const { embeddings, rows, dim, floor, topK, unusable } = receipts[0]!.of
  const files = receipts.flatMap(({ files: own }) => own)
  const isWhole =
    [rows, dim, floor, unusable].every((value) => typeof value === 'number') &&
    typeof embeddings === 'string' &&
    (topK === 'all' || typeof topK === 'number') &&
    files.every((file): file is Required<PartFile> => file.sha256 !== undefined)
  if (!isWhole) throw partDamaged(folder, 'its receipts do not say what the edges are of')
  return {
    folder,
    parts: receipts.map(({ part }) => part),
    edges: receipts.reduce((sum, { counts }) => sum + (counts['edges'] ?? 0), 0),
    files: files as Required<PartFile>[],
    rows: Number(rows),
    dim: Number(dim),
    floor: Math.fround(Number(floor)),
    topK: topK === 'all' ? Infinity : Number(topK),
    fingerprint: embeddings,
    unusable: Number(unusable),
  }
}

/**
 * Compares the files of parts with their checksums.
 *
 * @throws FacekitError `PART_DAMAGED`; the reason of the signal
 */
export async function checkEdgeParts({ folder, files }: EdgeParts, signal?: AbortSignal): Promise<void> {
  for (const { name, sha256 } of files) {
    const path = join(folder, name)
    const { hash } = await hashFile(path, { signal })
    if (hash.digest('hex') !== sha256) throw partDamaged(path, 'its contents are others')
  }
}

/** For each row, what its list ends with. */
export const JOIN_ROW_BYTES = 8

/**
 * The edges of the whole: those of which either end has the other in its list, lists being taken over all parts. They are
 * the same as of one search, whatever the parts: see (4) in EXACTNESS.md of @facekit/index-faiss.
 *
 * @param memoryBytes that lists may take, beside `JOIN_ROW_BYTES` a row and a block of each part that is open: parts follow
 * one another, so that few are at a time
 * @returns `EdgeBatch`es, ascending by (source, target)
 */
export function joinEdgeParts(
  { folder, files, rows, topK }: EdgeParts,
  memoryBytes: number,
): SourceOf<EdgeBatch> {
  return batchSource(async function* () {
    const sources: PairSource[] = []
    for (const { name, bytes } of files) {
      const path = join(folder, name)
      const check = ({ size }: { size: bigint }) => {
        if (Number(size) !== bytes) throw partDamaged(path, `it has ${size} bytes of ${bytes}`)
      }
      const read = () => readEdgeFile(path, check)
      for await (const { source, target } of read()) {
        sources.push({ first: { source: source[0]!, target: target[0]! }, read })
        break
      }
    }
    const listLength = Math.min(topK, Math.max(1, rows)) - 1
    const ofLists = listLength < rows - 1 ? rows : 0
    const ends = { similarity: new Float32Array(ofLists), neighbor: new Uint32Array(ofLists) }
    yield* selectEdges(() => mergePairs(sources), { rows, listLength, ends, memoryBytes })
  })
}
