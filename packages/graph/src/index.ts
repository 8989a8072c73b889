export { CLUSTER_ROW_BYTES, clusterEdges } from './cluster-edges.js'
export type { ClusterOptions } from './cluster-edges.js'
export { GraphError } from './errors.js'
export { UnionFind } from './union-find.js'
