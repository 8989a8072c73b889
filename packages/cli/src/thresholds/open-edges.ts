import { stat } from 'node:fs/promises'
import { EdgeError, openEdges, type EdgeSet } from '@facekit/edges'
import { edgesFolder } from '../cluster/kept-edges.js'

/** Opens the edges in a folder, or beside the labels in it, where `cluster` keeps them. @throws EdgeError */
export async function openEdgesIn(folder: string): Promise<EdgeSet> {
  try {
    return await openEdges(folder)
  } catch (error) {
    const inside = edgesFolder(folder)
    const isElsewhere =
      error instanceof EdgeError && error.code === 'EDGES_FOLDER' && (await isFolder(inside))
    if (!isElsewhere) throw error
    return openEdges(inside)
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
