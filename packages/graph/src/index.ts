export { CLUSTER_ROW_BYTES, clusterEdges, LEAST_EDGE_BYTES } from './cluster-edges.js'
export type { ClusterOptions } from './cluster-edges.js'
export { GraphError } from './errors.js'
export { UnionFind } from './union-find.js'
