import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { contingency, evaluateClustering, mostSpread, type Evaluation, type Scores } from '../src/index.js'

function harmonic(precision: number, recall: number): Scores {
  const f = precision + recall === 0 ? 0 : 2 / (1 / precision + 1 / recall)
  return { precision, recall, f }
}

/** By the definitions: over all pairs, and for each image over all images. */
function bruteForce(predicted: readonly number[], truth: readonly number[]): Evaluation {
  const n = predicted.length
  const pairs = { both: 0, predicted: 0, truth: 0 }
  let [precision, recall, purity] = [0, 0, 0]
  const entropy = { truth: 0, predicted: 0, truthInPredicted: 0, predictedInTruth: 0 }
  for (let i = 0; i < n; i++) {
    const image = { both: 0, predicted: 0, truth: 0 }
    const others = new Map<number, number>()
    for (let j = 0; j < n; j++) {
      const counts = j > i ? [image, pairs] : [image]
      const inPredicted = predicted[i] === predicted[j]
      const inTruth = truth[i] === truth[j]
      if (inPredicted) others.set(truth[j]!, (others.get(truth[j]!) ?? 0) + 1)
      for (const count of counts) {
        if (inPredicted) count.predicted++
        if (inTruth) count.truth++
        if (inPredicted && inTruth) count.both++
      }
    }
    precision += image.both / image.predicted / n
    recall += image.both / image.truth / n
    purity += Math.max(...others.values()) / image.predicted / n
    entropy.truth -= Math.log(image.truth / n) / n
    entropy.predicted -= Math.log(image.predicted / n) / n
    entropy.truthInPredicted -= Math.log(image.both / image.predicted) / n
    entropy.predictedInTruth -= Math.log(image.both / image.truth) / n
  }
  const isOne = (labels: readonly number[]) => new Set(labels).size <= 1
  const homogeneity = isOne(truth) ? 1 : 1 - entropy.truthInPredicted / entropy.truth
  const completeness = isOne(predicted) ? 1 : 1 - entropy.predictedInTruth / entropy.predicted
  const mutual = entropy.truth - entropy.truthInPredicted
  return {
    pairwise: harmonic(
      pairs.predicted === 0 ? 1 : pairs.both / pairs.predicted,
      pairs.truth === 0 ? 1 : pairs.both / pairs.truth,
    ),
    bcubed: harmonic(precision, recall),
    homogeneity,
    completeness,
    vMeasure: harmonic(homogeneity, completeness).f,
    nmi: isOne(truth) && isOne(predicted) ? 1 : mutual / ((entropy.truth + entropy.predicted) / 2),
    purity,
  }
}

const MEASURES = ['homogeneity', 'completeness', 'vMeasure', 'nmi', 'purity'] as const

function expectScores(found: Evaluation, expected: Partial<Evaluation>, message: string): void {
  for (const metric of ['pairwise', 'bcubed'] as const) {
    for (const score of ['precision', 'recall', 'f'] as const) {
      if (!expected[metric]) continue
      expect(found[metric][score], `${message}, ${metric}.${score}`).toBeCloseTo(expected[metric][score], 12)
    }
  }
  for (const name of MEASURES) {
    if (expected[name] === undefined) continue
    expect(found[name], `${message}, ${name}`).toBeCloseTo(expected[name], 12)
  }
}

const labelsOf = (label: (i: number) => number) => Array.from({ length: 5000 }, (_, i) => label(i))

/*
 * What scikit-learn 1.9.1 gives:
 *
 *   n, both, p, t = len(truth), Counter(zip(pred, truth)), Counter(pred), Counter(truth)
 *   (_, fp), (fn, tp) = sklearn.metrics.cluster.pair_confusion_matrix(truth, pred)
 *   pairwise = tp / (tp + fp), tp / (tp + fn)
 *   bcubed = [sum(Fraction(c * c, side[k[at]]) for k, c in both.items()) / n for at, side in enumerate((p, t))]
 *   homogeneity, completeness, v = sklearn.metrics.homogeneity_completeness_v_measure(truth, pred)
 *   nmi = sklearn.metrics.normalized_mutual_info_score(truth, pred)
 *   purity = sklearn.metrics.cluster.contingency_matrix(truth, pred).max(axis=0).sum() / n
 */
const STORED: [string, number[], number[], pairwise: number[], bcubed: number[], others: number[]][] = [
  [
    'parts of true classes',
    labelsOf((i) => ((i * i) % 4999) % 700),
    labelsOf((i) => ((i * i) % 4999) % 350),
    [1.0, 0.5020008892841262, 0.6684428656009473],
    [1.0, 0.54034891996892, 0.7015928832278114],
    [0.9999999999999999, 0.8994878722427408, 0.9470846172665562, 0.9470846172665564, 1.0],
  ],
  [
    'joined classes',
    labelsOf((i) => i % 60),
    labelsOf((i) => i % 240),
    [0.24096385542168675, 1.0, 0.3883495145631068],
    [0.2500722891566265, 1.0, 0.4000925247696519],
    [0.7470751996558598, 1.0, 0.8552295857705715, 0.8552295857705716, 0.252],
  ],
  [
    'classes of little in common',
    labelsOf((i) => (((i * i) % 997) % 131) - 5),
    labelsOf((i) => (((i * 7) % 613) % 89) * 1000),
    [0.010624481226502612, 0.007869687237797645, 0.009041914425925696],
    [0.0360165048724853, 0.02552370180377051, 0.029875575011159266],
    [0.23769491028820317, 0.22137366490568694, 0.22924415332809014, 0.22924415332809014, 0.0576],
  ],
  [
    'one class',
    labelsOf(() => 0),
    labelsOf((i) => i % 7),
    [0.1426857371474295, 1.0, 0.24973749563659803],
    [0.1428572, 1.0, 0.25000008749999564],
    [0.0, 1.0, 0.0, 0.0, 0.143],
  ],
  [
    'images all alone',
    labelsOf((i) => i),
    labelsOf((i) => i % 7),
    [1.0, 0.0, 0.0],
    [1.0, 0.0014, 0.0027960854803275414],
    [0.9999999999999999, 0.2284684526184527, 0.3719565645035122, 0.3719565645035122, 1.0],
  ],
  [
    'one true class',
    labelsOf((i) => i % 7),
    labelsOf(() => 3),
    [1.0, 0.1426857371474295, 0.24973749563659803],
    [1.0, 0.1428572, 0.25000008749999564],
    [1.0, 0.0, 0.0, 0.0, 1.0],
  ],
]

describe('evaluateClustering', () => {
  it('finds what counting all pairs finds, on random labelings', () => {
    const random = seededRandom(41)
    for (let round = 0; round < rounds(300, 10_000); round++) {
      const n = 1 + Math.floor(random() * 40)
      const label = (classes: number) =>
        Array.from({ length: n }, () => Math.floor(random() * classes) * 1000 - 1000)
      const predicted = label(1 + Math.floor(random() * 12))
      const truth = label(1 + Math.floor(random() * 12))
      expectScores(evaluateClustering(predicted, truth), bruteForce(predicted, truth), `round ${round}`)
    }
  })

  it('gives what is computed by hand', () => {
    // Predicted {0,1,2}, {3,4}; true {0,1}, {2,3,4}: pairs 01 and 34 of 4 each.
    const found = evaluateClustering(Int32Array.of(0, 0, 0, 1, 1), [7, 7, 9, 9, 9])
    const bcubed = (4 / 3 + 1 / 3 + 2) / 5
    expectScores(
      found,
      {
        pairwise: { precision: 0.5, recall: 0.5, f: 0.5 },
        bcubed: { precision: bcubed, recall: bcubed, f: bcubed },
      },
      'by hand',
    )
  })

  it.each(STORED)(
    'gives what scikit-learn gives, for %s',
    (name, predicted, truth, pairwise, bcubed, others) => {
      const scoresOf = ([precision, recall, f]: number[]) => ({
        precision: precision!,
        recall: recall!,
        f: f!,
      })
      const expected: Partial<Evaluation> = { pairwise: scoresOf(pairwise), bcubed: scoresOf(bcubed) }
      MEASURES.forEach((measure, i) => (expected[measure] = others[i]!))
      expectScores(evaluateClustering(predicted, truth), expected, name)
    },
  )

  it('takes a million images in as many classes', () => {
    const images = 1_000_000
    const ownClass = Int32Array.from({ length: images }, (_, i) => (i * 7919) % images)
    const inPairs = ownClass.map((label) => label >> 1)
    expectScores(
      evaluateClustering(ownClass, inPairs),
      { pairwise: { precision: 1, recall: 0, f: 0 }, bcubed: harmonic(1, 0.5) },
      'a million',
    )
  })

  it('tells precision from recall', () => {
    const { pairwise, bcubed } = evaluateClustering([0, 0, 0, 0], [0, 0, 1, 1])
    expect(pairwise).toEqual({ precision: 1 / 3, recall: 1, f: 0.5 })
    expect(bcubed).toEqual({ precision: 0.5, recall: 1, f: 2 / 3 })
  })

  it('does not depend on how classes are numbered, to the last bit', () => {
    const perfect = { precision: 1, recall: 1, f: 1 }
    expect(evaluateClustering([5, 5, 2, -1], [0, 0, 1, 2])).toEqual({
      pairwise: perfect,
      bcubed: perfect,
      homogeneity: 1,
      completeness: 1,
      vMeasure: 1,
      nmi: 1,
      purity: 1,
    })
    const random = seededRandom(42)
    for (const [, predicted, truth] of STORED) {
      const renumbered = (labels: number[]) => {
        const numbers = new Map<number, number>()
        const fresh = () => Math.floor((random() - 0.5) * 2 ** 53)
        return labels.map((label) => numbers.get(label) ?? numbers.set(label, fresh()).get(label)!)
      }
      expect(evaluateClustering(renumbered(predicted), renumbered(truth))).toEqual(
        evaluateClustering(predicted, truth),
      )
    }
  })

  it('is exact where nearly all images agree', () => {
    // Entropies of the order of 1e-5: scikit-learn itself gives nine digits.
    const count = 1_000_000
    const truth = new Int32Array(count)
    truth[0] = 1
    const predicted = new Int32Array(count)
    predicted[0] = predicted[1] = 1
    const { homogeneity, completeness } = evaluateClustering(predicted, truth)
    // With 50 digits.
    expect(homogeneity).toBeCloseTo(0.9064295217851993, 12)
    expect(completeness).toBeCloseTo(0.4754592517159697, 12)
  })

  it('scores 0 where no pair agrees, 1 where there is nothing to get wrong', () => {
    expect(evaluateClustering([0, 0, 1, 1], [0, 1, 0, 1])).toMatchObject({
      pairwise: { precision: 0, recall: 0, f: 0 },
      homogeneity: 0,
      completeness: 0,
      nmi: 0,
      purity: 0.5,
    })
    const perfect = { precision: 1, recall: 1, f: 1 }
    const all = { homogeneity: 1, completeness: 1, vMeasure: 1, nmi: 1, purity: 1 }
    expect(evaluateClustering([], [])).toEqual({ pairwise: perfect, bcubed: perfect, ...all })
    expect(evaluateClustering([3], [4])).toEqual({ pairwise: perfect, bcubed: perfect, ...all })
  })

  it('refuses labelings of different lengths', () => {
    expect(() => evaluateClustering([1, 2], [1])).toThrow(RangeError)
    expect(() => evaluateClustering([], [1])).toThrow(
      'as many true classes as predicted ones, 0, but received 1',
    )
  })

  it.each([NaN, 0.5, Infinity, 2 ** 53])('refuses %s for a class', (label) => {
    expect(() => evaluateClustering([0, label], [0, 1])).toThrow(`Expected an integer but received ${label}`)
  })
})

describe('mostSpread', () => {
  // Class 7 holds three of identity 1 and one each of 2 and 3; class 8 one of 2 and one of 1; class 9 is pure.
  const predicted = [7, 7, 7, 7, 7, 8, 8, 9, 9]
  const truth = [1, 2, 1, 3, 1, 2, 1, 2, 2]

  it('names the most mixed classes', () => {
    expect(mostSpread(contingency(predicted, truth), 'predicted', 10)).toEqual([
      { label: 7, images: 5, parts: 3, main: 1, mainImages: 3 },
      { label: 8, images: 2, parts: 2, main: 2, mainImages: 1 },
    ])
  })

  it('names the most scattered identities', () => {
    expect(mostSpread(contingency(predicted, truth), 'truth', 10)).toEqual([
      { label: 2, images: 4, parts: 3, main: 9, mainImages: 2 },
      { label: 1, images: 4, parts: 2, main: 7, mainImages: 3 },
    ])
    expect(mostSpread(contingency(predicted, truth), 'truth', 1)).toHaveLength(1)
    expect(mostSpread(contingency(predicted, truth), 'truth', 0)).toEqual([])
  })

  it('orders equals by their labels', () => {
    const table = contingency([4, 4, -2, -2, 3, 3], [0, 1, 2, 3, 4, 5])
    expect(mostSpread(table, 'predicted', 2).map(({ label }) => label)).toEqual([-2, 3])
  })
})
