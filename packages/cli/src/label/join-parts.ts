import { identityDifferences, partsIn, PendingFiles, readReceipts, removeOutput } from '@facekit/core'
import {
  checkEdgeParts,
  identityOf,
  JOIN_ROW_BYTES,
  joinEdgeParts,
  openEdgeParts,
  writeEdges,
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
 * Makes edges of their parts, where a folder holds these, as one search had made them. The parts are gone then.
 *
 * @throws FacekitError `PART_MISSING`, `PART_OTHER`, `PART_DAMAGED`, with nothing written; `MEMORY_LIMIT`
 */
export async function joinParts(
  folder: string,
  memoryLimit: number,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<void> {
  await settleInput(folder, talk)
  if (await areJoined(folder)) return removeParts(folder)
  const parts = await openEdgeParts(folder)
  if (!parts) return
  const { rows } = parts
  checkLimit(memoryLimit, rows * JOIN_ROW_BYTES, `joining edges of ${rows} embeddings`)
  const pending = await PendingFiles.in(folder, 'edges')
  sayLeftover(pending, talk)
  try {
    talk.info(`Joining ${parts.parts.length} parts, ${grouped(parts.edges)} pairs that may be edges`)
    await checkEdgeParts(parts, signal)
    const progress = new Progress('join', 'edges')
    const seen = tap(({ source }: { source: Uint32Array }) => {
      progress.count += source.length
      talk.progress(progress)
    })
    const writer = writeEdges({ ...parts, output: pending })
    const memoryBytes = (memoryLimit - rows * JOIN_ROW_BYTES) * LIST_SHARE
    await flow(joinEdgeParts(parts, memoryBytes), [seen], writer, signal, () => writer.isCommitted)
  } finally {
    await pending.discard()
  }
  await removeParts(folder)
}

/** Whether parts are there that were joined by a run which was killed before it removed them. */
async function areJoined(folder: string): Promise<boolean> {
  const receipts = await readReceipts(folder, 'edges')
  const edges = receipts.length > 0 ? await openEdgesIfThere(folder) : undefined
  if (!edges) return false
  return receipts.every(({ of }) => identityDifferences(of, identityOf(edges)).length === 0)
}

async function removeParts(folder: string): Promise<void> {
  for (const part of await partsIn(folder)) await removeOutput(folder, 'edges', part)
}
