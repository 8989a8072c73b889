import { OptionError, type EdgeBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { sweepThresholds, type SweepOptions, type ThresholdOutcome } from '../src/index.js'
import { batchOf, cluster, randomBatches, shuffled, type Edge } from './reference.js'

async function* streamOf(batches: readonly EdgeBatch[]) {
  yield* batches
}

async function sweep(edges: readonly Edge[], options: Omit<SweepOptions, 'edges'>) {
  return sweepThresholds({ ...options, edges: () => streamOf([batchOf(edges)]) })
}

/** Edges within people, some of them across, in random order. Similarities are often the same. */
function randomEdges(rows: number, random: () => number): Edge[] {
  const person = 1 + Math.floor(random() * 12)
  const across = random() * 0.3
  const steps = random() < 0.5 ? 20 : 2000
  const edges = new Map<number, Edge>()
  for (let i = Math.floor(random() * 4 * rows); i > 0; i--) {
    const source = Math.floor(random() * rows)
    const isAcross = random() < across
    const target = isAcross
      ? Math.floor(random() * rows)
      : Math.min(rows - 1, source - (source % person) + Math.floor(random() * person))
    const similarity = Math.round((isAcross ? random() * 0.6 : 0.3 + random() * 0.7) * steps) / steps
    const [a, b] = [Math.min(source, target), Math.max(source, target)]
    if (a !== b) edges.set(a * rows + b, [a, b, Math.fround(similarity)])
  }
  return shuffled([...edges.values()], random)
}

/** By a clustering at each threshold. */
async function bruteForceSweep(edges: readonly Edge[], options: Omit<SweepOptions, 'edges'>) {
  const { rows, duplicateThreshold, thresholds, excludedCount = 0 } = options
  // They have no edges, so it may be any; here they come last.
  const excluded = Uint32Array.from({ length: excludedCount }, (_, i) => rows - 1 - i)
  const clusterings = await Promise.all(
    thresholds.map(async (clusterThreshold) =>
      cluster([batchOf(edges)], { rows, duplicateThreshold, clusterThreshold, excluded }),
    ),
  )
  const outcomes = clusterings.map(({ classOf, sizes }, level): ThresholdOutcome => {
    const threshold = thresholds[level]!
    const above = clusterings[level + 1]?.sizes ?? new Uint32Array(0)
    const alone = above.reduce((sum, size) => sum + Number(size === 1), 0)
    const labelled = above.reduce((sum, size) => sum + size, 0)
    const standing = thresholds.findIndex((one) => Math.fround(one) >= Math.fround(threshold + 0.1))
    // Of each class, those of the next threshold that hold one which stands.
    const parts = new Map<number, Set<number>>()
    classOf.forEach((number, row) => {
      const stands = standing >= 0 ? clusterings[standing]! : undefined
      if (number < 0 || !stands || stands.sizes[stands.classOf[row]!]! < 5) return
      parts.set(number, (parts.get(number) ?? new Set()).add(clusterings[level + 1]!.classOf[row]!))
    })
    return {
      threshold,
      classes: sizes.length,
      singletons: sizes.filter((size) => size === 1).length,
      largest: sizes[0] ?? 0,
      leaps: 2 * alone < labelled && sizes[0]! >= Math.max(20, 2 * above[0]!),
      pairs: sizes.reduce((sum, size) => sum + (size * (size - 1)) / 2, 0),
      chained: [...parts.values()].reduce((sum, { size }) => sum + size - 1, 0),
    }
  })
  const duplicates = clusterings[0]!.duplicateOf.filter((row) => row >= 0).length
  return { duplicates, labelled: rows - duplicates - excludedCount, outcomes }
}

describe('sweepThresholds', () => {
  it('gives what clusterEdges gives at each threshold, on random graphs', async () => {
    const random = seededRandom(31)
    let chained = 0
    for (let round = 0; round < rounds(60, 2000); round++) {
      const excludedCount = Math.floor(random() * 4)
      const rows = 1 + Math.floor(random() * 150)
      const edges = randomEdges(rows, random)
      const step = [0.05, 0.1, 0.25][Math.floor(random() * 3)]!
      const options = {
        rows: rows + excludedCount,
        excludedCount,
        duplicateThreshold: random() < 0.3 ? undefined : 0.5 + Math.floor(random() * 6) / 10,
        thresholds: Array.from({ length: Math.floor(1 / step) + 1 }, (_, i) => i * step),
      }
      const found = await sweepThresholds({
        ...options,
        edges: () => streamOf(randomBatches(edges, 20, random)),
      })
      expect(found, `round ${round}, ${JSON.stringify(options)}`).toEqual(
        await bruteForceSweep(edges, options),
      )
      chained += found.outcomes.reduce((sum, outcome) => sum + outcome.chained, 0)
    }
    expect(chained).toBeGreaterThan(10)
  })

  it('gives the same whatever the order of the edges', async () => {
    const random = seededRandom(32)
    const rows = 2000
    const edges = randomEdges(rows, random)
    const options = { rows, duplicateThreshold: 0.9, thresholds: [0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] }
    const orders = [
      edges,
      shuffled(edges, random),
      edges.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
      edges.toSorted((a, b) => a[2] - b[2]),
      edges.toSorted((a, b) => b[2] - a[2]),
    ]
    const expected = await bruteForceSweep(edges, options)
    for (const order of orders) expect(await sweep(order, options)).toEqual(expected)
  })

  it('follows a chain of many rows, each link at a level of its own', async () => {
    const rows = 60_000
    const levels = 50_000
    const thresholds = Array.from({ length: levels }, (_, i) => i / levels)
    for (const step of [1, -1]) {
      const chain = Array.from({ length: rows - 1 }, (_, i): Edge => {
        const row = step > 0 ? i : rows - 2 - i
        return [row, row + 1, Math.fround(thresholds[row % levels]!)]
      })
      const { outcomes } = await sweep(chain, { rows, thresholds })
      expect(outcomes[0]).toMatchObject({ classes: 1, largest: rows, pairs: (rows * (rows - 1)) / 2 })
      expect(outcomes.at(-1)).toMatchObject({ classes: rows - 1, largest: 2, pairs: 1 })
    }
  })

  it('counts an edge exactly at a threshold, as float32 holds it', async () => {
    const edges: Edge[] = [
      [0, 1, Math.fround(0.7)],
      [2, 3, Math.fround(0.9)],
      [4, 5, Math.fround(0.7) - 2 ** -23],
    ]
    const options = { rows: 6, duplicateThreshold: 0.9, thresholds: [0.7] }
    const { duplicates, outcomes } = await sweep(edges, options)
    expect([duplicates, outcomes[0]!.classes, outcomes[0]!.pairs]).toEqual([1, 4, 1])
  })

  it('reads the edges once where no duplicates are removed', async () => {
    let readings = 0
    const edges = () => streamOf([batchOf([[0, 1, ++readings]])])
    await sweepThresholds({ rows: 2, thresholds: [0.5], edges })
    expect(readings).toBe(1)
  })

  it.each<[string, number, Edge[], object, object[]]>([
    ['no rows', 0, [], { duplicates: 0, labelled: 0 }, [{ classes: 0, singletons: 0, largest: 0, pairs: 0 }]],
    ['one row', 1, [], { labelled: 1 }, [{ classes: 1, singletons: 1, largest: 1, pairs: 0 }]],
    ['two rows apart', 2, [], { labelled: 2 }, [{ classes: 2, singletons: 2, largest: 1, pairs: 0 }]],
    ['two rows', 2, [[0, 1, 0.8]], { labelled: 2 }, [{ classes: 1, singletons: 0, largest: 2, pairs: 1 }]],
    [
      'duplicates only',
      3,
      [
        [0, 2, 1],
        [0, 1, 1],
        [1, 2, 1],
      ],
      { duplicates: 2, labelled: 1 },
      [{ classes: 1, singletons: 1, largest: 1, pairs: 0 }],
    ],
  ])('takes %s', async (_case, rows, edges, whole, outcomes) => {
    const found = await sweep(edges, { rows, duplicateThreshold: 0.9, thresholds: [0.7] })
    expect(found).toMatchObject(whole)
    expect(found.outcomes).toMatchObject(outcomes)
  })

  it('gives as many outcomes as thresholds, in their order', async () => {
    expect((await sweep([], { rows: 3, thresholds: [] })).outcomes).toEqual([])
    const { outcomes } = await sweep([[0, 1, 0.6]], { rows: 3, thresholds: [0.5, 0.5, 0.6, 0.7] })
    expect(outcomes.map(({ threshold, classes }) => [threshold, classes])).toEqual([
      [0.5, 2],
      [0.5, 2],
      [0.6, 2],
      [0.7, 3],
    ])
  })
})

it('a largest class that takes in many small ones leaps, and one that grows does not', async () => {
  const thresholds = [0.5, 0.6, 0.7, 0.8]
  const leapsOf = async (edges: Edge[], rows = 100) => {
    const { outcomes } = await sweep(edges, { rows, thresholds })
    return outcomes.filter(({ leaps }) => leaps).map(({ threshold }) => threshold)
  }
  const chain = (first: number, end: number, similarity: (row: number) => number): Edge[] =>
    Array.from({ length: end - first }, (_, i): Edge => [first + i, first + i + 1, similarity(first + i)])
  // Pairs at 0.8, all of them joined at 0.6.
  expect(await leapsOf(chain(0, 60, (row) => (row % 2 === 0 ? 0.8 : 0.6)))).toEqual([0.6])
  // A class of 30 takes in ten at each threshold.
  expect(await leapsOf(chain(0, 60, (row) => (row < 30 ? 0.8 : 0.8 - (row - 20) / 100)))).toEqual([])
  // Of many rows, most are still alone.
  expect(
    await leapsOf(
      chain(0, 60, (row) => (row % 2 === 0 ? 0.8 : 0.6)),
      200,
    ),
  ).toEqual([])
  // Few are no matter.
  expect(await leapsOf(chain(0, 15, (row) => (row % 2 === 0 ? 0.8 : 0.6)))).toEqual([])
})

describe('chained classes', () => {
  const thresholds = Array.from({ length: 71 }, (_, i) => (30 + i) / 100)

  /** A person: every row is like the one before by this similarity. */
  const person = (first: number, rows: number, similarity: number): Edge[] =>
    Array.from({ length: rows - 1 }, (_, i): Edge => [first + i, first + i + 1, similarity])

  async function chainedAt(rows: number, edges: Edge[]): Promise<[threshold: number, chained: number][]> {
    const { outcomes } = await sweep(edges, { rows, duplicateThreshold: 0.9, thresholds })
    return outcomes.filter(({ chained }) => chained > 0).map(({ threshold, chained }) => [threshold, chained])
  }

  it('are counted where a bridge joins two persons', async () => {
    const people = [...person(0, 20, 0.8), ...person(20, 8, 0.75)]
    expect(await chainedAt(28, [...people, [3, 25, 0.505]])).toEqual([[0.5, 1]])
    // Further bridges join nothing.
    expect(await chainedAt(28, [...people, [3, 25, 0.505], [4, 26, 0.45], [5, 27, 0.35]])).toEqual([[0.5, 1]])
  })

  it('are counted where one row joins three persons', async () => {
    const people = [0, 10, 20].flatMap((first) => person(first, 10, 0.8))
    const bridges = [5, 15, 25].map((row): Edge => [row, 30, 0.55])
    expect(await chainedAt(31, [...people, ...bridges])).toEqual([[0.55, 2]])
  })

  it('are none where the class of one person grows, row by row or by what has just formed', async () => {
    const rowByRow = Array.from({ length: 60 }, (_, i): Edge => [i, i + 1, 0.89 - i / 120])
    expect(await chainedAt(61, rowByRow)).toEqual([])
    // Two halves that grow at the same pace, and join soon.
    expect(await chainedAt(20, [...person(0, 10, 0.8), ...person(10, 10, 0.8), [9, 10, 0.74]])).toEqual([])
    // Two pictures that stand by themselves for long.
    expect(await chainedAt(12, [...person(0, 10, 0.85), [10, 11, 0.85], [9, 10, 0.5]])).toEqual([])
  })
})

describe('what cannot be swept', () => {
  const valid = { rows: 3, thresholds: [0.5, 0.7] }

  it.each<[string, Edge]>([
    ['a source out of range', [3, 1, 0.8]],
    ['a target out of range, below every threshold', [1, 2 ** 32 - 1, -1]],
    ['a similarity that is NaN', [0, 1, NaN]],
  ])('%s is refused', async (_case, edge) => {
    for (const duplicateThreshold of [undefined, 0.9])
      await expect(sweep([[0, 1, 0.9], edge], { ...valid, duplicateThreshold })).rejects.toMatchObject({
        code: 'EDGE',
      })
  })

  it.each([
    ['rows', { ...valid, rows: -1 }],
    ['excludedCount', { ...valid, excludedCount: 4 }],
    ['excludedCount', { ...valid, excludedCount: 0.5 }],
    ['duplicateThreshold', { ...valid, duplicateThreshold: 1.01 }],
    ['thresholds', { ...valid, thresholds: [0.5, NaN] }],
    ['ascending thresholds', { ...valid, thresholds: [0.7, 0.5] }],
    ['65535 thresholds', { ...valid, thresholds: Array<number>(65_536).fill(0.5) }],
  ])('%s is checked', async (name, options) => {
    const refused = sweep([], options)
    await expect(refused).rejects.toThrow(OptionError)
    await expect(refused).rejects.toThrow(name)
  })

  it('is stopped by a signal, and the reading with it', async () => {
    const reason = new Error('stopped')
    let closed = false
    const controller = new AbortController()
    async function* endless() {
      try {
        for (let i = 0; ; i++) {
          if (i === 5) controller.abort(reason)
          yield batchOf([[0, 1, 0.8]])
        }
      } finally {
        closed = true
      }
    }
    await expect(sweepThresholds({ ...valid, edges: endless, signal: controller.signal })).rejects.toBe(
      reason,
    )
    expect(closed).toBe(true)
  })
})
