import { checkRows, CompensatedSum, OptionError, type BatchesOf, type EdgeBatch } from '@facekit/core'
import { checkedEdges } from './check-edges.js'
import { hearSignal } from './hear-signal.js'
import { heldThresholds, levelOf } from './levels.js'
import { MergeTree } from './merge-tree.js'
import { TruthCounts } from './truth-counts.js'

/** What thresholds are compared with. */
export interface TruthSweepOptions {
  /** rows × int32: the true class of each row, from 0 on; -1 for a row that joins others and counts for nothing. */
  truthOf: Int32Array
  /** Cosines at or above which two rows are the same person, ascending. */
  thresholds: readonly number[]
  /** Between rows, in any order; none is kept. */
  edges: BatchesOf<EdgeBatch>
  signal?: AbortSignal | undefined
}

/** How components at a threshold agree with true classes, by the definitions of `evaluateClustering` of `labels`. */
export interface Agreement {
  threshold: number
  /** Components that hold a row of a true class. */
  classes: number
  /** Pairs of rows in one component: the sum of s(s - 1)/2; above 2 ** 53 not exact. */
  pairs: number
  pairwise: { precision: number; recall: number }
  bcubed: { precision: number; recall: number }
}

/** Steps of so many rows take milliseconds; in between, signals are heard. */
const ROWS_AT_ONCE = 2 ** 16

/**
 * How connected components agree with the truth at each of many thresholds, exactly, in one pass over the links of a
 * `MergeTree` from the highest threshold down: where two components join, only what they have in common is counted, by
 * going through the smaller one's true classes. Each row is gone through log₂(rows) times at most. Memory is some 30
 * bytes a row, and a table for each component of more than one true class.
 *
 * @throws OptionError; FacekitError `ROWS`; GraphError `EDGE`; the reason of the signal
 */
export async function sweepAgainstTruth(options: TruthSweepOptions): Promise<Agreement[]> {
  const { truthOf, edges, signal } = options
  const rows = checkRows(truthOf.length)
  const thresholds = heldThresholds(options.thresholds)
  const identities = sizesOf(truthOf)

  const tree = new MergeTree(rows)
  for await (const { source, target, similarity } of checkedEdges(edges, rows, signal)) {
    for (let i = 0; i < source.length; i++)
      tree.join(source[i]!, target[i]!, levelOf(similarity[i]!, thresholds))
  }

  const components = new TruthCounts(truthOf)
  const images = identities.reduce((sum, size) => sum + size, 0)
  const truePairs = identities.reduce((sum, size) => sum + (size * (size - 1)) / 2, 0)
  let classes = images
  let pairs = 0
  let pairsInBoth = 0
  const precisionSum = new CompensatedSum()
  const recallSum = new CompensatedSum()
  precisionSum.add(images)
  for (const size of identities) if (size > 0) recallSum.add(1)

  const linked = tree.linkedRows()
  const agreements: Agreement[] = []
  let at = 0
  for (let level = thresholds.length; level > 0; level--) {
    for (; at < linked.length && tree.levelOf(linked[at]!) === level; at++) {
      const row = linked[at]!
      const root = tree.rootAt(row, level)
      const joining = components.sizeOf(row)
      const joined = components.sizeOf(root)
      const squares = [components.squaresOf(row), components.squaresOf(root)] as const
      components.join(row, root, (identity, a, b) => {
        pairsInBoth += a * b
        recallSum.add((2 * a * b) / identities[identity]!)
      })
      if (joining > 0 && joined > 0) {
        classes--
        pairs += joining * joined
        precisionSum.add(-squares[0] / joining)
        precisionSum.add(-squares[1] / joined)
        precisionSum.add(components.squaresOf(root) / (joining + joined))
      }
      if (at % ROWS_AT_ONCE === 0) await hearSignal(signal)
    }
    agreements.push({
      threshold: options.thresholds[level - 1]!,
      classes,
      pairs,
      pairwise: { precision: ratio(pairsInBoth, pairs), recall: ratio(pairsInBoth, truePairs) },
      bcubed: { precision: ratio(precisionSum.value, images), recall: ratio(recallSum.value, images) },
    })
  }
  return agreements.reverse()
}

/** Rows of each true class. */
function sizesOf(truthOf: Int32Array): Uint32Array {
  const last = truthOf.reduce((largest, identity) => Math.max(largest, identity), -1)
  if (last >= truthOf.length)
    throw new OptionError(
      `Expected true classes numbered below their ${truthOf.length} rows but received ${last}`,
    )
  const sizes = new Uint32Array(last + 1)
  for (const identity of truthOf) if (identity >= 0) sizes[identity]!++
  return sizes
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole
}
