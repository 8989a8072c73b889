import { checkCosine, checkRows, OptionError, type BatchesOf, type EdgeBatch } from '@facekit/core'
import { checkedEdges } from './check-edges.js'
import { hearSignal } from './hear-signal.js'
import { heldThresholds, levelOf } from './levels.js'
import { MergeTree } from './merge-tree.js'
import { UnionFind } from './union-find.js'

/** What thresholds are tried on. */
export interface SweepOptions {
  /** Rows that edges are between. */
  rows: number
  /** Rows that are in no class, such as those without a usable embedding; no edge is theirs. */
  excludedCount?: number
  /** Cosine at or above which two rows are duplicates; undefined keeps all rows. */
  duplicateThreshold?: number | undefined
  /** Cosines at or above which two rows are the same person, ascending. */
  thresholds: readonly number[]
  /** Gives the edges from the first on; called twice where there is a `duplicateThreshold`. */
  edges: () => BatchesOf<EdgeBatch>
  signal?: AbortSignal | undefined
}

/** What labels would be at each threshold. */
export interface ThresholdSweep {
  /** Rows that are removed as duplicates. */
  duplicates: number
  /** Rows in classes; singletons are classes. */
  labelled: number
  /** As the thresholds. */
  outcomes: ThresholdOutcome[]
}

/** What `clusterEdges` gives at a threshold. */
export interface ThresholdOutcome {
  threshold: number
  classes: number
  /** Classes of one row. */
  singletons: number
  /** Rows in the largest class. */
  largest: number
  /**
   * Whether the largest class is at least twice as large as at the next threshold, and no small one, though most rows had
   * found others before: it swallowed other persons. While most are alone, the largest is one person's that forms.
   */
  leaps: boolean
  /** Pairs of rows in one class: the sum of s(s - 1)/2; above 2 ** 53 not exact. */
  pairs: number
  /**
   * Classes that went into another at this threshold (they had not at the next) though both had stood by themselves: each
   * had five rows or more at some threshold higher by 0.1 or more. The class of one person takes in single rows, and what
   * has just formed, so that this tells of persons that run together: of 7,001 real faces under three models all such
   * joins were of different persons. Persons of fewer than five rows run together unseen.
   */
  chained: number
}

/**
 * What a sweep takes for each row: what it is a duplicate of; its link and the level of that; its place in the order of
 * links; the size of its class and when that was formed.
 */
export const SWEEP_ROW_BYTES = 20

/**
 * A class of so many rows (what a least cluster is to HDBSCAN) that lasts over such a range of cosines (its persistence).
 * With 3 rows, or a range of 0.05, joins within one person were counted as well.
 */
const STANDING_ROWS = 5
const STANDING_COSINE = 0.1

/** From so many rows on, twice as many are no growth of one class. */
const LEAPING_ROWS = 20

/** Steps of so many rows take milliseconds; in between, signals are heard. */
const ROWS_AT_ONCE = 2 ** 18

/**
 * What `clusterEdges` gives at each of many thresholds, of edges that are read twice and kept nowhere: memory is
 * `SWEEP_ROW_BYTES` a row.
 *
 * Which rows stay depends on `duplicateThreshold` alone, so that the first reading settles it for all thresholds. Of the
 * edges between rows that stay a maximum spanning forest has the same components at every threshold (see `MergeTree`);
 * its edges from the highest on, each joining two classes, give the numbers of one threshold after the other.
 *
 * @throws OptionError; FacekitError `ROWS`; GraphError `EDGE` for rows out of range or a similarity that is NaN; the
 * reason of the signal
 */
export async function sweepThresholds(options: SweepOptions): Promise<ThresholdSweep> {
  const rows = checkRows(options.rows)
  const excluded = options.excludedCount ?? 0
  if (!Number.isSafeInteger(excluded) || excluded < 0 || excluded > rows)
    throw new OptionError(`Expected 0 to ${rows} for excludedCount but received ${excluded}`)
  const thresholds = heldThresholds(options.thresholds)
  const { edges, signal } = options

  const duplicates = new UnionFind(rows)
  if (options.duplicateThreshold !== undefined) {
    const threshold = Math.fround(checkCosine('duplicateThreshold', options.duplicateThreshold))
    for await (const batch of checkedEdges(edges(), rows, signal)) {
      const { source, target, similarity } = batch
      for (let i = 0; i < source.length; i++)
        if (similarity[i]! >= threshold) duplicates.union(source[i]!, target[i]!)
    }
  }
  const duplicateOf = duplicates.toRoots()

  const tree = new MergeTree(rows)
  for await (const { source, target, similarity } of checkedEdges(edges(), rows, signal)) {
    for (let i = 0; i < source.length; i++) {
      const a = source[i]!
      const b = target[i]!
      if (duplicateOf[a] === a && duplicateOf[b] === b) tree.join(a, b, levelOf(similarity[i]!, thresholds))
    }
  }
  let removed = 0
  for (let row = 0; row < rows; row++) if (duplicateOf[row] !== row) removed++

  const labelled = rows - removed - excluded
  const outcomes = await outcomesOf(tree, labelled, options.thresholds, signal)
  return { duplicates: removed, labelled, outcomes }
}

/** Goes through the links from the highest level on: each joins the class of its row to that of its parent. */
async function outcomesOf(
  tree: MergeTree,
  labelled: number,
  thresholds: readonly number[],
  signal: AbortSignal | undefined,
): Promise<ThresholdOutcome[]> {
  const linked = tree.linkedRows()
  const sizes = new Uint32Array(tree.rows).fill(1)
  /** The level at which a class first had `STANDING_ROWS`; 0 for none. */
  const formed = new Uint16Array(tree.rows)
  const outcomes: ThresholdOutcome[] = []
  let classes = labelled
  let singletons = labelled
  let largest = Math.min(1, labelled)
  let pairs = 0
  let at = 0
  /** The lowest level that is `STANDING_COSINE` above this one. */
  let standing = thresholds.length + 1
  for (let level = thresholds.length; level > 0; level--) {
    const threshold = thresholds[level - 1]!
    const above = Math.fround(threshold + STANDING_COSINE)
    while (Math.fround(thresholds[standing - 2]!) >= above) standing--
    let chained = 0
    const largestBefore = largest
    const isFormed = 2 * singletons < labelled
    for (; at < linked.length && tree.levelOf(linked[at]!) === level; at++) {
      const row = linked[at]!
      const root = tree.rootAt(row, level)
      const joining = sizes[row]!
      const joined = sizes[root]!
      const size = joining + joined
      classes--
      singletons -= Number(joining === 1) + Number(joined === 1)
      largest = Math.max(largest, size)
      pairs += joining * joined
      if (formed[row]! >= standing && formed[root]! >= standing) chained++
      sizes[root] = size
      formed[root] = Math.max(formed[row]!, formed[root]!) || (size >= STANDING_ROWS ? level : 0)
      if (at % ROWS_AT_ONCE === 0) await hearSignal(signal)
    }
    const leaps = isFormed && largest >= Math.max(LEAPING_ROWS, 2 * largestBefore)
    outcomes.push({ threshold, classes, singletons, largest, leaps, pairs, chained })
  }
  return outcomes.reverse()
}
