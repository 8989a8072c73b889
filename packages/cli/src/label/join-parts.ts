import {
  FacekitError,
  identityDifferences,
  partsIn,
  PendingFiles,
  readReceipts,
  removeOutput,
} from '@facekit/core'
import {
  checkEdgeParts,
  identityOf,
  JOIN_ROW_BYTES,
  joinEdgeParts,
  openEdgeParts,
  openEdges,
  writeEdges,
  type EdgeParts,
  type EdgeSet,
} from '@facekit/edges'
import { flow, tap } from '../flow.js'
import { checkLimit } from '../memory.js'
import { grouped, Progress } from '../progress.js'
import { sayLeftover, settleInput } from '../said-of-output.js'
import { openEdgesIfThere } from '../search/finished-edges.js'
import type { Talk } from '../talk.js'

/** Of memory, what lists may take while parts are joined; the rest is for blocks on their way. */
const LIST_SHARE = 1 / 2

/**
 * Parts of edges that are to be joined; undefined where a folder holds none. What was joined, and not removed since its run
 * was killed, is removed.
 *
 * @throws FacekitError `PART_MISSING`, `PART_OTHER`, `PART_DAMAGED`
 */
export async function findParts(folder: string, talk: Talk): Promise<EdgeParts | undefined> {
  await settleInput(folder, talk)
  if (!(await areJoined(folder))) return openEdgeParts(folder)
  await removeParts(folder)
  return undefined
}

/**
 * Makes edges of their parts, as one search had made them. The parts are gone then. Another process that does so is waited
 * for.
 *
 * @throws FacekitError `MEMORY_LIMIT`, `PART_DAMAGED`
 */
export async function joinParts(
  { folder }: EdgeParts,
  memoryLimit: number,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<EdgeSet> {
  const pending = await PendingFiles.in(folder, 'edges', {
    besideParts: true,
    onBusy: (error) => talk.warn(`Waiting: ${error.message}`),
    signal,
  })
  sayLeftover(pending, talk)
  try {
    const parts = (await areJoined(folder)) ? undefined : await openEdgeParts(folder)
    if (parts) await join(parts, pending, memoryLimit, talk, signal)
  } finally {
    await pending.discard()
  }
  await removeParts(folder)
  return openEdges(folder)
}

async function join(
  parts: EdgeParts,
  pending: PendingFiles,
  memoryLimit: number,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<void> {
  const certain = parts.rows * JOIN_ROW_BYTES
  checkLimit(memoryLimit, certain, `joining edges of ${parts.rows} embeddings`)
  talk.info(`Joining ${parts.parts.length} parts, ${grouped(parts.edges)} pairs that may be edges`)
  await checkEdgeParts(parts, signal)
  const progress = new Progress('join', 'edges')
  const seen = tap(({ source }: { source: Uint32Array }) => {
    progress.count += source.length
    talk.progress(progress)
  })
  const writer = writeEdges({ ...parts, output: pending })
  const edges = joinEdgeParts(parts, (memoryLimit - certain) * LIST_SHARE)
  await flow(edges, [seen], writer, signal, () => writer.isCommitted)
}

/** Whether all parts that are there were joined. */
async function areJoined(folder: string): Promise<boolean> {
  const receipts = await readReceipts(folder, 'edges')
  const edges = receipts.length > 0 ? await openEdgesIfThere(folder) : undefined
  if (!edges) return false
  return receipts.every(({ of }) => identityDifferences(of, identityOf(edges)).length === 0)
}

/** But for those that another process has in hand: the next label looks again. */
async function removeParts(folder: string): Promise<void> {
  for (const part of await partsIn(folder)) {
    await removeOutput(folder, 'edges', part).catch((error: unknown) => {
      if (!(error instanceof FacekitError && error.code === 'OUTPUT_BUSY')) throw error
    })
  }
}
