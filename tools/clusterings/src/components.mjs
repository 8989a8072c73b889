import { clusterEdges } from '@facekit/graph'
import { cluster, findEdges } from './search.mjs'

const TOP_K = 100

/**
 * Connected components at each threshold, from one search at the lowest of them.
 *
 * @param {import('./data-sets.mjs').DataSet} dataSet
 * @param {readonly number[]} thresholds
 */
export async function* components(dataSet, thresholds) {
  const edges = await findEdges(dataSet, { threshold: Math.min(...thresholds), topK: TOP_K })
  for (const clusterThreshold of thresholds) {
    const { classOf, sizes } = await cluster(edges, clusterEdges({ rows: dataSet.rows, clusterThreshold }))
    yield { name: `components at ${clusterThreshold}`, classes: sizes.length, classOf }
  }
}
