import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Gallery, searchNeighbors } from '@facekit/index-faiss'

/**
 * @param {import('./data-sets.mjs').DataSet} dataSet
 * @param {{ threshold: number, topK: number }} options
 * @returns {Promise<import('@facekit/core').EdgeBatch[]>} ascending
 */
export async function findEdges({ rows, dim, embeddings }, options) {
  const gallery = new Gallery(rows, dim)
  gallery.add(embeddings)
  return searchNeighbors(gallery, options).toArray()
}

/**
 * @param {readonly import('@facekit/core').EdgeBatch[]} edges
 * @param {import('@facekit/core').StageOf<import('@facekit/core').EdgeBatch, import('@facekit/core').Clustering>} stage
 * @returns {Promise<import('@facekit/core').Clustering>}
 */
export async function cluster(edges, stage) {
  /** @type {import('@facekit/core').Clustering[]} */
  const clusterings = []
  await pipeline(Readable.from(edges), stage, async (found) => {
    for await (const clustering of found) clusterings.push(clustering)
  })
  return clusterings[0]
}
