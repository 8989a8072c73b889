import { join } from 'node:path'
import { checkEdges, EdgeError, openEdges, type EdgeSet } from '@facekit/edges'
import type { FileSet } from '@facekit/io-npy'
import { orStopped } from '../interruption.js'
import { grouped } from '../progress.js'
import { isOfFirstRows } from '../search/earlier-edges.js'
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
  try {
    const edges = await orStopped(openEdges(folder), signal)
    // A search of those that were added builds on them.
    if (isOfFirstRows(set, edges)) return undefined
    const why = whyNotOf(set, edges) ?? whyOtherTopK(topK, edges) ?? whyNotFrom(floor, edges)
    if (why) return searchAgain(folder, why, talk)
    await checkEdges(edges, signal)
    const survey = await surveyEmbeddings(set, talk, signal, firsts)
    if (survey.fingerprint !== edges.fingerprint)
      return searchAgain(folder, 'they are of embeddings with other numbers', talk)
    talk.info(
      `${grouped(set.rows)} embeddings of ${set.dim} numbers; taking the edges of an earlier search from ${folder}`,
    )
    return { edges, survey }
  } catch (error) {
    if (!(error instanceof EdgeError)) throw error
    if (error.code !== 'EDGES_FOLDER') searchAgain(folder, error.message, talk)
    return undefined
  }
}

function searchAgain(folder: string, why: string, talk: Talk): undefined {
  talk.info(`The edges in ${folder} do not serve: ${why}. Searching`)
}
