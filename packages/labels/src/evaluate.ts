import { CompensatedSum } from '@facekit/core'
import { contingency, type Classes, type Contingency } from './contingency.js'
import { spreadOf } from './spread.js'

/** Two measures between 0 and 1, and one of both. */
export interface Scores {
  precision: number
  recall: number
  /** Harmonic mean of the two; 0 where both are. */
  f: number
}

/** How well classes agree with identities: each measure is between 0 and 1. */
export interface Evaluation {
  pairwise: Scores
  bcubed: Scores
  homogeneity: number
  completeness: number
  vMeasure: number
  /** The same number as `vMeasure`, under its other name. */
  nmi: number
  purity: number
}

/**
 * How well predicted classes agree with true ones, in time linear in images; each measure is between 0 and 1, and as
 * exact as float64 gets, whatever the number of images. With n_pt images of true class t in predicted class p, n_p and n_t in
 * either at all, and n images:
 *
 * - pairwise: precision Σ C(n_pt, 2) / Σ C(n_p, 2), recall Σ C(n_pt, 2) / Σ C(n_t, 2); 1 where there are no pairs. Of more
 *   than 2 ** 53 pairs the numbers are rounded.
 * - BCubed (Bagga and Baldwin 1998, "Algorithms for scoring coreference chains"): precision Σ n_pt² / n_p / n, recall
 *   Σ n_pt² / n_t / n; 1 where there are no images.
 * - homogeneity 1 − H(T|P) / H(T), completeness 1 − H(P|T) / H(P), each 1 where nothing is to be told apart, and V,
 *   their harmonic mean (Rosenberg and Hirschberg 2007, "V-Measure", beta 1), 0 where both are. H(T) = −Σ n_t/n ln n_t/n,
 *   H(T|P) = −Σ n_pt/n ln n_pt/n_p.
 * - NMI: mutual information by the arithmetic mean of H(P) and H(T), the default of scikit-learn, which is V.
 * - purity: the share of images in the largest true class of their predicted class (Manning, Raghavan and Schütze 2008,
 *   "Introduction to Information Retrieval", 16.3); 1 where there are no images.
 *
 * @param predicted n class labels, of any integers
 * @param truth n class labels
 * @throws RangeError if they differ in length, or are no integers
 */
export function evaluateClustering(predicted: ArrayLike<number>, truth: ArrayLike<number>): Evaluation {
  return measure(contingency(predicted, truth))
}

/** The measures of `evaluateClustering` of images that are counted. */
export function measure(table: Contingency): Evaluation {
  const { images, predicted, truth, starts, truthOf, counts } = table
  let pairsInBoth = 0
  const precisionSum = new CompensatedSum()
  const recallSum = new CompensatedSum()
  const truthUnknown = new CompensatedSum()
  const predictedUnknown = new CompensatedSum()
  for (const [p, size] of predicted.sizes.entries()) {
    for (let cell = starts[p]!; cell < starts[p + 1]!; cell++) {
      const count = counts[cell]!
      const ofTruth = truth.sizes[truthOf[cell]!]!
      pairsInBoth += pairs(count)
      precisionSum.add(count ** 2 / size)
      recallSum.add(count ** 2 / ofTruth)
      truthUnknown.add(count * logRatio(size, count))
      predictedUnknown.add(count * logRatio(ofTruth, count))
    }
  }
  const homogeneity = known(truthUnknown.value, entropySum(truth, images))
  const completeness = known(predictedUnknown.value, entropySum(predicted, images))
  const vMeasure = harmonicMean(homogeneity, completeness)
  const inMain = spreadOf(table, 'predicted').mainImages.reduce((sum, count) => sum + count, 0)
  return {
    pairwise: scores(ratio(pairsInBoth, pairsIn(predicted.sizes)), ratio(pairsInBoth, pairsIn(truth.sizes))),
    bcubed: scores(ratio(precisionSum.value, images), ratio(recallSum.value, images)),
    homogeneity,
    completeness,
    vMeasure,
    nmi: vMeasure,
    purity: ratio(inMain, images),
  }
}

/** Precision and recall, each between 0 and 1, with their F score. */
export function scores(precision: number, recall: number): Scores {
  return { precision, recall, f: harmonicMean(precision, recall) }
}

/** n times the entropy of classes, in nats. */
function entropySum({ sizes }: Classes, images: number): number {
  const sum = new CompensatedSum()
  for (const size of sizes) sum.add(size * logRatio(images, size))
  return sum.value
}

/** ln(whole / part): `Math.log` of a ratio near 1 has few digits. */
function logRatio(whole: number, part: number): number {
  return Math.log1p((whole - part) / part)
}

/** The share of an entropy that is not unknown; rounding could take it below 0. */
function known(unknown: number, entropy: number): number {
  return entropy === 0 ? 1 : Math.max(0, 1 - unknown / entropy)
}

function harmonicMean(a: number, b: number): number {
  return a + b === 0 ? 0 : (2 * a * b) / (a + b)
}

function pairs(count: number): number {
  return (count * (count - 1)) / 2
}

function pairsIn(sizes: Uint32Array): number {
  return sizes.reduce((sum, size) => sum + pairs(size), 0)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole
}
