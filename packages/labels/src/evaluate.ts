export interface Scores {
  precision: number
  recall: number
  /** Harmonic mean of the two. */
  f: number
}

export interface Evaluation {
  pairwise: Scores
  bcubed: Scores
}

/**
 * How well predicted classes agree with true ones. With n_pt images of true class t in predicted class p, n_p and n_t
 * in either at all, and n images:
 *
 * - pairwise: precision Σ C(n_pt, 2) / Σ C(n_p, 2), recall Σ C(n_pt, 2) / Σ C(n_t, 2); 1 where there are no pairs.
 * - BCubed (Bagga and Baldwin 1998, "Algorithms for scoring coreference chains"): precision Σ n_pt² / n_p / n, recall
 *   Σ n_pt² / n_t / n; 1 where there are no images.
 *
 * @param predicted n class numbers, of any integers
 * @param truth n class numbers
 * @throws RangeError if they differ in length
 */
export function evaluateClustering(predicted: ArrayLike<number>, truth: ArrayLike<number>): Evaluation {
  if (predicted.length !== truth.length) {
    throw new RangeError(
      `Expected as many true classes as predicted ones, ${predicted.length}, but received ${truth.length}`,
    )
  }
  const inPredicted = new Map<number, number>()
  const inTruth = new Map<number, number>()
  const inBoth = new Map<number, Map<number, number>>()
  for (let i = 0; i < predicted.length; i++) {
    const p = predicted[i]!
    const t = truth[i]!
    increment(inPredicted, p)
    increment(inTruth, t)
    const ofPredicted = inBoth.get(p) ?? new Map<number, number>()
    inBoth.set(p, ofPredicted)
    increment(ofPredicted, t)
  }

  let pairsInBoth = 0
  let precisionSum = 0
  let recallSum = 0
  for (const [p, ofPredicted] of inBoth) {
    for (const [t, count] of ofPredicted) {
      pairsInBoth += pairs(count)
      precisionSum += count ** 2 / inPredicted.get(p)!
      recallSum += count ** 2 / inTruth.get(t)!
    }
  }
  const n = predicted.length
  return {
    pairwise: scores(ratio(pairsInBoth, pairsIn(inPredicted)), ratio(pairsInBoth, pairsIn(inTruth))),
    bcubed: scores(ratio(precisionSum, n), ratio(recallSum, n)),
  }
}

function increment(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function pairs(count: number): number {
  return (count * (count - 1)) / 2
}

function pairsIn(counts: Map<number, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + pairs(count), 0)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole
}

function scores(precision: number, recall: number): Scores {
  return {
    precision,
    recall,
    f: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
  }
}
