import type { EdgeBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { sweepAgainstTruth, type Agreement } from '../src/index.js'
import { batchOf, components, randomBatches, shuffled, type Edge } from './reference.js'

async function* streamOf(batches: readonly EdgeBatch[]) {
  yield* batches
}

async function sweep(edges: readonly Edge[], truthOf: readonly number[], thresholds: readonly number[]) {
  return sweepAgainstTruth({
    truthOf: Int32Array.from(truthOf),
    thresholds,
    edges: streamOf([batchOf(edges)]),
  })
}

/** Over all pairs, at each threshold. */
function bruteForce(edges: readonly Edge[], truthOf: readonly number[], thresholds: readonly number[]) {
  const rows = truthOf.map((_, row) => row)
  return thresholds.map((threshold): Agreement => {
    const found = components(
      rows,
      edges.filter(([, , similarity]) => similarity >= Math.fround(threshold)),
    )
    const classOf: number[] = []
    found.forEach((members, number) => members.forEach((row) => (classOf[row] = number)))
    const counted = rows.filter((row) => truthOf[row]! >= 0)
    const pairs = { both: 0, predicted: 0, truth: 0 }
    let [precision, recall] = [0, 0]
    for (const a of counted) {
      const ofRow = { both: 0, predicted: 0, truth: 0 }
      for (const b of counted) {
        for (const count of b > a ? [ofRow, pairs] : [ofRow]) {
          const [inClass, inTruth] = [classOf[a] === classOf[b], truthOf[a] === truthOf[b]]
          count.predicted += Number(inClass)
          count.truth += Number(inTruth)
          count.both += Number(inClass && inTruth)
        }
      }
      precision += ofRow.both / ofRow.predicted / counted.length
      recall += ofRow.both / ofRow.truth / counted.length
    }
    return {
      threshold,
      classes: new Set(counted.map((row) => classOf[row])).size,
      pairs: pairs.predicted,
      pairwise: {
        precision: pairs.predicted === 0 ? 1 : pairs.both / pairs.predicted,
        recall: pairs.truth === 0 ? 1 : pairs.both / pairs.truth,
      },
      bcubed: counted.length === 0 ? { precision: 1, recall: 1 } : { precision, recall },
    }
  })
}

function expectAgreements(found: readonly Agreement[], expected: readonly Agreement[], message: string) {
  expect(found.map(({ threshold, classes, pairs }) => [threshold, classes, pairs])).toEqual(
    expected.map(({ threshold, classes, pairs }) => [threshold, classes, pairs]),
  )
  expected.forEach((one, i) => {
    for (const metric of ['pairwise', 'bcubed'] as const)
      for (const score of ['precision', 'recall'] as const)
        expect(found[i]![metric][score], `${message}, ${one.threshold}, ${metric} ${score}`).toBeCloseTo(
          one[metric][score],
          12,
        )
  })
}

describe('sweepAgainstTruth', () => {
  it('gives what counting all pairs at each threshold gives, on random graphs', async () => {
    const random = seededRandom(51)
    for (let round = 0; round < rounds(60, 2000); round++) {
      const rows = 1 + Math.floor(random() * 60)
      const identities = 1 + Math.floor(random() * Math.min(rows, 12))
      const without = random() < 0.5 ? 0 : random() * 0.5
      const truthOf = Array.from({ length: rows }, () =>
        random() < without ? -1 : Math.floor(random() * identities),
      )
      const edges = Array.from({ length: Math.floor(random() * 3 * rows) }, (): Edge => {
        const [a, b] = [Math.floor(random() * rows), Math.floor(random() * rows)]
        // Of one identity most are more similar.
        const least = truthOf[a] === truthOf[b] ? 0.3 : 0
        return [Math.min(a, b), Math.max(a, b), Math.fround(least + random() * 0.7)]
      })
      const thresholds = Array.from({ length: 11 }, (_, i) => i / 10)
      const found = await sweepAgainstTruth({
        truthOf: Int32Array.from(truthOf),
        thresholds,
        edges: streamOf(randomBatches(shuffled(edges, random), 20, random)),
      })
      expectAgreements(found, bruteForce(edges, truthOf, thresholds), `round ${round}`)
    }
  })

  it('tells where a bridge joins two persons', async () => {
    // Two persons of three rows; their ends meet at 0.5.
    const edges: Edge[] = [0.9, 0.8, 0.5, 0.9, 0.8].map((similarity, row) => [row, row + 1, similarity])
    const [joined, apart, none] = await sweep(edges, [0, 0, 0, 1, 1, 1], [0.4, 0.7, 1])
    expect(joined).toMatchObject({ classes: 1, pairs: 15, pairwise: { precision: 0.4, recall: 1 } })
    expect(joined!.bcubed.precision).toBeCloseTo(0.5, 15)
    expect(apart).toEqual({
      threshold: 0.7,
      classes: 2,
      pairs: 6,
      pairwise: { precision: 1, recall: 1 },
      bcubed: { precision: 1, recall: 1 },
    })
    expect(none).toMatchObject({ classes: 6, pairs: 0, pairwise: { precision: 1, recall: 0 } })
  })

  it('takes one component that takes in ten thousand identities, row by row', async () => {
    const rows = 20_000
    const random = seededRandom(52)
    const truthOf = Array.from({ length: rows }, (_, row) => row >> 1)
    const order = shuffled(
      truthOf.map((_, row) => row),
      random,
    )
    const edges = order
      .slice(1)
      .map((row, i): Edge => [Math.min(row, order[i]!), Math.max(row, order[i]!), Math.fround(1 - i / rows)])
    const [all] = await sweep(edges, truthOf, [0])
    expect(all!.classes).toBe(1)
    expect(all!.pairwise.precision).toBeCloseTo(1 / (rows - 1), 15)
    expect(all!.pairwise.recall).toBe(1)
    expect(all!.bcubed.precision).toBeCloseTo(2 / rows, 13)
    expect(all!.bcubed.recall).toBeCloseTo(1, 12)
  })

  it.each<[string, number[]]>([
    ['no rows', []],
    ['rows without truth', [-1, -1]],
  ])('gives 1 where there is nothing to get wrong: %s', async (_case, truthOf) => {
    const one = { precision: 1, recall: 1 }
    const edges: Edge[] = truthOf.length > 1 ? [[0, 1, 0.9]] : []
    expect(await sweep(edges, truthOf, [0.5])).toEqual([
      { threshold: 0.5, classes: 0, pairs: 0, pairwise: one, bcubed: one },
    ])
  })

  it('refuses rows out of range, thresholds that descend, true classes of wild numbers', async () => {
    await expect(sweep([[0, 2, 0.8]], [0, 0], [0.5])).rejects.toMatchObject({ code: 'EDGE' })
    await expect(sweep([], [0, 0], [0.5, 0.4])).rejects.toMatchObject({ code: 'OPTION' })
    await expect(sweep([], [0, 2], [0.5])).rejects.toMatchObject({ code: 'OPTION' })
  })

  it('stops where the signal says so', async () => {
    const reason = new Error('enough')
    const work = sweepAgainstTruth({
      truthOf: Int32Array.of(0, 0),
      thresholds: [0.5],
      edges: streamOf([batchOf([[0, 1, 0.9]])]),
      signal: AbortSignal.abort(reason),
    })
    await expect(work).rejects.toBe(reason)
  })
})
