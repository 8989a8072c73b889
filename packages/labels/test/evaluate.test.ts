import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { evaluateClustering, type Evaluation, type Scores } from '../src/index.js'

function harmonic(precision: number, recall: number): Scores {
  const f = precision + recall === 0 ? 0 : 2 / (1 / precision + 1 / recall)
  return { precision, recall, f }
}

/** By the definitions: over all pairs, and for each image over all images. */
function bruteForce(predicted: readonly number[], truth: readonly number[]): Evaluation {
  const n = predicted.length
  const pairs = { both: 0, predicted: 0, truth: 0 }
  let precision = 0
  let recall = 0
  for (let i = 0; i < n; i++) {
    const image = { both: 0, predicted: 0, truth: 0 }
    for (let j = 0; j < n; j++) {
      const counts = j > i ? [image, pairs] : [image]
      for (const count of counts) {
        const inPredicted = predicted[i] === predicted[j]
        const inTruth = truth[i] === truth[j]
        if (inPredicted) count.predicted++
        if (inTruth) count.truth++
        if (inPredicted && inTruth) count.both++
      }
    }
    precision += image.both / image.predicted / n
    recall += image.both / image.truth / n
  }
  return {
    pairwise: harmonic(
      pairs.predicted === 0 ? 1 : pairs.both / pairs.predicted,
      pairs.truth === 0 ? 1 : pairs.both / pairs.truth,
    ),
    bcubed: harmonic(precision, recall),
  }
}

function expectScores(found: Evaluation, expected: Evaluation, message: string): void {
  for (const metric of ['pairwise', 'bcubed'] as const) {
    for (const score of ['precision', 'recall', 'f'] as const) {
      expect(found[metric][score], `${message}, ${metric}.${score}`).toBeCloseTo(expected[metric][score], 12)
    }
  }
}

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

  it('gives what another implementation gives', () => {
    const labels = (label: (i: number) => number) => Array.from({ length: 5000 }, (_, i) => label(i))
    const cases = [
      {
        predicted: labels((i) => ((i * i) % 4999) % 700),
        truth: labels((i) => ((i * i) % 4999) % 350),
        pairwise: { precision: 1, recall: 0.5020008892841262, f: 0.6684428656009473 },
        bcubed: { precision: 1, recall: 0.54034891996892, f: 0.7015928832278114 },
      },
      {
        predicted: labels((i) => i % 60),
        truth: labels((i) => i % 240),
        pairwise: { precision: 0.24096385542168675, recall: 1, f: 0.38834951456310685 },
        bcubed: { precision: 0.25007228915662655, recall: 1, f: 0.40009252476965196 },
      },
      {
        predicted: labels((i) => (((i * i) % 997) % 131) - 5),
        truth: labels((i) => (((i * 7) % 613) % 89) * 1000),
        pairwise: { precision: 0.010624481226502612, recall: 0.007869687237797645, f: 0.009041914425925696 },
        bcubed: { precision: 0.0360165048724853, recall: 0.02552370180377051, f: 0.029875575011159266 },
      },
    ]
    for (const { predicted, truth, pairwise, bcubed } of cases)
      expectScores(evaluateClustering(predicted, truth), { pairwise, bcubed }, 'stored')
  })

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

  it('does not depend on how classes are numbered', () => {
    const perfect = { precision: 1, recall: 1, f: 1 }
    expect(evaluateClustering([5, 5, 2, -1], [0, 0, 1, 2])).toEqual({ pairwise: perfect, bcubed: perfect })
  })

  it('scores 0 where no pair agrees, 1 where there is nothing to get wrong', () => {
    expect(evaluateClustering([0, 0, 1, 1], [0, 1, 0, 1]).pairwise).toEqual({ precision: 0, recall: 0, f: 0 })
    const perfect = { precision: 1, recall: 1, f: 1 }
    expect(evaluateClustering([], [])).toEqual({ pairwise: perfect, bcubed: perfect })
    expect(evaluateClustering([3], [4])).toEqual({ pairwise: perfect, bcubed: perfect })
  })

  it('refuses labelings of different lengths', () => {
    expect(() => evaluateClustering([1, 2], [1])).toThrow(RangeError)
    expect(() => evaluateClustering([], [1])).toThrow(
      'as many true classes as predicted ones, 0, but received 1',
    )
  })
})
