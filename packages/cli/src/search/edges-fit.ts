import { shortestDecimal, type EdgesInfo } from '@facekit/edges'
import type { FileSet } from '@facekit/io-npy'

/** Why edges cannot be of these embeddings, by their shape. */
export function whyNotOf({ rows, dim }: FileSet, edges: EdgesInfo): string | undefined {
  if (edges.rows === rows && edges.dim === dim) return undefined
  return `they are of ${edges.rows} embeddings of ${edges.dim} numbers, and there are ${rows} of ${dim}`
}

/** Why edges do not serve thresholds from `needed` up. */
export function whyNotFrom(needed: number, { floor }: EdgesInfo): string | undefined {
  if (floor <= Math.fround(needed)) return undefined
  return `they begin at a cosine of ${shortestDecimal(floor)}, and ${needed} is asked for`
}

/** Why edges are not those of a `topK`; no list is longer than there are rows. */
export function whyOtherTopK(topK: number, edges: EdgesInfo): string | undefined {
  const most = Math.max(1, edges.rows)
  if (Math.min(topK, most) === Math.min(edges.topK, most)) return undefined
  return `they are of topK ${said(edges.topK)}, and ${said(topK)} is asked for`
}

/** Why lists of edges of the first rows are too short for a `topK` of all rows. */
export function whyFewerListed(topK: number, edges: EdgesInfo): string | undefined {
  // All pairs are listed then.
  if (edges.topK >= Math.min(topK, Math.max(1, edges.rows))) return undefined
  return `they are of topK ${said(edges.topK)}, and ${said(topK)} is asked for`
}

function said(topK: number): string {
  return topK === Infinity ? 'all' : String(topK)
}
