import { join } from 'node:path'
import { checkEdges, EdgeError, type EdgeSet } from '@facekit/edges'
import type { FileSet } from '@facekit/io-npy'
import { orStopped } from '../interruption.js'
import { grouped } from '../progress.js'
import { isOfFirstRows, searchAll } from '../search/earlier-edges.js'
import { openEdgesIfThere } from '../search/finished-edges.js'
import { whyNotFrom, whyNotOf, whyOtherTopK } from '../search/edges-fit.js'
import { surveyEmbeddings, type Survey } from '../search/survey.js'
import type { Talk } from '../talk.js'

/** Where `cluster` keeps its edges, beside the labels. */
export function edgesFolder(output: string): string {
  return join(output, 'edges')
}

export interface NeededEdges {
  /** Cosine from which on edges must be there. */
  floor: number
  topK: number
  /** Of how many first rows the survey tells the fingerprint, beside that of all. */
  firsts?: readonly number[] | undefined
}

/**
 * Looks for edges of an earlier run that serve this one: of the same embeddings, by their contents, and unchanged. Where
 * there are others, one line says why they do not serve.
 */
export async function findKeptEdges(
  folder: string,
  set: FileSet,
  { floor, topK, firsts }: NeededEdges,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<{ edges: EdgeSet; survey: Survey } | undefined> {
  const edges = await orStopped(openEdgesIfThere(folder), signal)
  // Of edges that cannot be read, or that are of the first rows, the search says what becomes of them.
  if (!edges || isOfFirstRows(set, edges)) return undefined
  const why = whyNotOf(set, edges) ?? whyOtherTopK(topK, edges) ?? whyNotFrom(floor, edges)
  if (why) return searchAll(folder, why, talk)
  try {
    await checkEdges(edges, signal)
  } catch (error) {
    if (!(error instanceof EdgeError)) throw error
    return searchAll(folder, error.message, talk)
  }
  const survey = await surveyEmbeddings(set, talk, signal, firsts)
  if (survey.fingerprint !== edges.fingerprint)
    return searchAll(folder, 'they are of embeddings with other numbers', talk)
  talk.info(
    `${grouped(set.rows)} embeddings of ${set.dim} numbers; taking the edges of an earlier search from ${folder}`,
  )
  return { edges, survey }
}
