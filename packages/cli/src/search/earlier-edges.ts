import { checkEdges, EdgeError, openEdges, readEdges, type EdgeSet } from '@facekit/edges'
import { regionOfAdded, type SearchOptions } from '@facekit/index-faiss'
import type { FileSet } from '@facekit/io-npy'
import { orStopped } from '../interruption.js'
import { grouped } from '../progress.js'
import type { Talk } from '../talk.js'
import { whyFewerListed, whyNotFrom } from './edges-fit.js'

/** Whether edges can be of the first rows of embeddings to which others were added since, by their shape. */
export function isOfFirstRows({ rows, dim }: FileSet, edges: EdgeSet): boolean {
  return edges.dim === dim && edges.rows < rows
}

/**
 * Looks for edges of the first rows of embeddings, on which a search of those that were added builds. Where there are some
 * that do not serve, one line says why.
 */
export async function findEarlierEdges(
  folder: string,
  set: FileSet,
  { floor, topK }: { floor: number; topK: number },
  engine: string,
  talk: Talk,
): Promise<EdgeSet | undefined> {
  try {
    const edges = await openEdges(folder)
    if (!isOfFirstRows(set, edges)) return undefined
    const why =
      engine === 'faiss'
        ? 'FAISS searches all pairs'
        : (whyFewerListed(topK, edges) ?? whyNotFrom(floor, edges))
    return why === undefined ? edges : searchAll(folder, why, talk)
  } catch (error) {
    if (!(error instanceof EdgeError)) throw error
    return error.code === 'EDGES_FOLDER' ? undefined : searchAll(folder, error.message, talk)
  }
}

/**
 * What a search goes by that builds on earlier edges.
 *
 * @param fingerprint of as many first rows as the edges are of
 * @returns undefined where they are of other embeddings, or were changed, which one line says
 */
export async function buildOn(
  edges: EdgeSet,
  fingerprint: string | undefined,
  { rows }: FileSet,
  floor: number,
  talk: Talk,
  signal: AbortSignal | undefined,
): Promise<Pick<SearchOptions, 'region' | 'known'> | undefined> {
  if (fingerprint !== edges.fingerprint)
    return searchAll(edges.folder, 'they are of embeddings with other numbers', talk)
  try {
    await orStopped(checkEdges(edges, signal), signal)
  } catch (error) {
    if (error instanceof EdgeError) return searchAll(edges.folder, error.message, talk)
    throw error
  }
  talk.info(
    `Taking ${grouped(edges.edges)} edges of the first ${grouped(edges.rows)} embeddings; searching the pairs of the ${grouped(rows - edges.rows)} that were added`,
  )
  return { region: regionOfAdded(rows, edges.rows), known: readEdges(edges, { threshold: floor }) }
}

/** Says why edges that are there do not serve. */
export function searchAll(folder: string, why: string, talk: Talk): undefined {
  talk.info(`The edges in ${folder} do not serve: ${why}. Searching all pairs`)
}
