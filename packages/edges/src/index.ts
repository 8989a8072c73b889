export { keptPairs } from './kept-pairs.js'
export { listOrder } from './list-order.js'
export { PairBuffer } from './pair-buffer.js'
export {
  checkPieces,
  COLLECTOR_ROW_BYTES,
  EdgeCollector,
  LEAST_COLLECTOR_BYTES,
  parsePieces,
} from './collector.js'
export type { CollectorOptions, Piece } from './collector.js'
export { EmbeddingsFingerprint } from './fingerprint.js'
export { checkEdges, openEdges } from './edge-set.js'
export type { EdgeFile, EdgesInfo, EdgeSet } from './edge-set.js'
export type { EdgeParts } from './edge-parts.js'
export { checkEdgeParts, identityOf, JOIN_ROW_BYTES, joinEdgeParts, openEdgeParts } from './edge-parts.js'
export { readEdges } from './read-edges.js'
export type { ReadEdgesOptions } from './read-edges.js'
export type { EdgesResult, EdgeWriter, WriteEdgesOptions } from './write-edges.js'
export { writeEdges } from './write-edges.js'
export { shortestDecimal } from './shortest-decimal.js'
export { EdgeError } from './errors.js'
export type { EdgeErrorCode } from './errors.js'
