import {
  finishedPart,
  identityDifferences,
  type Part,
  type PendingFiles,
  type RunIdentity,
} from '@facekit/core'
import { EdgeError, identityOf, openEdges, type EdgesInfo, type EdgeSet } from '@facekit/edges'

/**
 * The edges that a run would make, where there is nothing to go on with since they are there: it was killed when only moving
 * its files was left, which is done now; or it makes a part, and is asked for it again.
 */
export async function finishedEdges(
  pending: PendingFiles,
  identity: RunIdentity,
  info: EdgesInfo,
  part: Part | undefined,
): Promise<{ edges: number; files: string[] } | undefined> {
  const { output } = pending
  if (part) {
    const receipt = await finishedPart(output, 'edges', part, identityOf(info))
    if (!receipt) return joined(output, info)
    return { edges: receipt.counts['edges'] ?? 0, files: receipt.files.map(({ name }) => name) }
  }
  if (!pending.isFinishedRun(identity)) return undefined
  return { edges: (await openEdges(output)).edges, files: [...pending.earlierFiles.keys()] }
}

/** Once they are joined there are no parts any more. */
async function joined(folder: string, info: EdgesInfo) {
  const edges = await openEdgesIfThere(folder)
  if (!edges || identityDifferences(identityOf(edges), identityOf(info)).length > 0) return undefined
  return { edges: edges.edges, files: edges.files.map(({ name }) => name) }
}

/** @returns undefined where there are none that can be read: they are made again then */
export async function openEdgesIfThere(folder: string): Promise<EdgeSet | undefined> {
  return openEdges(folder).catch((error: unknown) => {
    if (error instanceof EdgeError) return undefined
    throw error
  })
}
