import { once } from 'node:events'
import { NO_CLASS, NOT_A_DUPLICATE, OptionError } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { clusterEdges, GraphError } from '../src/index.js'
import { batchOf, bruteForceClustering, cluster, randomBatches, shuffled, type Edge } from './reference.js'

const THRESHOLDS = [-1, 0, 0.3, 0.5, 0.7, 0.9, 1]

/** Similarities are often exactly a threshold, as float32. */
function randomEdges(rows: number, count: number, random: () => number): Edge[] {
  const row = () => Math.floor(random() * rows)
  return Array.from({ length: rows < 2 ? 0 : count }, (): Edge => {
    const a = row()
    const b = (a + 1 + Math.floor(random() * (rows - 1))) % rows
    const similarity =
      random() < 0.3 ? THRESHOLDS[Math.floor(random() * THRESHOLDS.length)]! : 1 - random() ** 2 * 1.5
    return [Math.min(a, b), Math.max(a, b), Math.fround(similarity)]
  })
}

function randomOptions(rows: number, random: () => number) {
  const threshold = () => THRESHOLDS[Math.floor(random() * THRESHOLDS.length)]!
  return {
    rows,
    duplicateThreshold: random() < 0.3 ? undefined : threshold(),
    clusterThreshold: threshold(),
    excluded: Uint32Array.from(Array.from({ length: rows }, (_, row) => row).filter(() => random() < 0.1)),
  }
}

function withoutRows(edges: readonly Edge[], rows: Uint32Array): Edge[] {
  return edges.filter(([a, b]) => !rows.includes(a) && !rows.includes(b))
}

describe('clusterEdges', () => {
  it('finds what breadth-first search finds, on random graphs', async () => {
    const random = seededRandom(21)
    for (let round = 0; round < rounds(200, 4000); round++) {
      const rows = 1 + Math.floor(random() * 60)
      const options = randomOptions(rows, random)
      const all = randomEdges(rows, Math.floor(random() * 2 * rows), random)
      const edges = withoutRows(all, options.excluded)
      const found = await cluster(randomBatches(edges, 7, random), options)
      expect(found, `round ${round}, ${JSON.stringify(options)}`).toEqual(
        bruteForceClustering(edges, options),
      )
    }
  })

  it('numbers many classes of equal size by their smallest rows', async () => {
    const random = seededRandom(4)
    for (let round = 0; round < rounds(30, 300); round++) {
      const rows = 300
      const edges = randomEdges(rows, 120, random)
      const options = { rows, clusterThreshold: 0.3 }
      expect(await cluster([batchOf(edges)], options)).toEqual(bruteForceClustering(edges, options))
    }
  })

  it('does not depend on the order of the edges, which end comes first or how batches are cut', async () => {
    const random = seededRandom(9)
    for (let round = 0; round < rounds(20, 400); round++) {
      const rows = 2 + Math.floor(random() * 80)
      const options = { rows, duplicateThreshold: 0.9, clusterThreshold: 0.5 }
      const edges = randomEdges(rows, Math.floor(1.5 * rows), random)
      const expected = await cluster([batchOf(edges)], options)
      for (const most of [1, 5, 1000]) {
        const mixed = shuffled(edges, random).map(([a, b, similarity]): Edge =>
          random() < 0.5 ? [a, b, similarity] : [b, a, similarity],
        )
        expect(await cluster(randomBatches(mixed, most, random), options)).toEqual(expected)
      }
    }
  })

  it('counts an edge exactly at a threshold, as float32 holds it', async () => {
    for (const threshold of [0.7, 0.9, 0.1, 1, -0.3]) {
      // float32(0.7) is less than 0.7: compared as float64 it would be left out.
      const at = Math.fround(threshold)
      const below = at - 2 ** -23
      const edges = batchOf([
        [0, 1, at],
        [2, 3, below],
      ])
      const classes = await cluster([edges], { rows: 4, clusterThreshold: threshold })
      expect([...classes.classOf], `${threshold}`).toEqual([0, 0, 1, 2])
      const duplicates = await cluster([edges], {
        rows: 4,
        duplicateThreshold: threshold,
        clusterThreshold: 1,
      })
      expect([...duplicates.duplicateOf], `${threshold}`).toEqual([NOT_A_DUPLICATE, 0, -1, -1])
    }
  })

  it('keeps the smallest row of a chain of duplicates', async () => {
    const rows = 50
    const chain = shuffled(
      Array.from({ length: rows }, (_, row) => row),
      seededRandom(6),
    )
    const edges = chain.slice(1).map((row, i): Edge => [row, chain[i]!, 0.95])
    const found = await cluster([batchOf(edges)], { rows, duplicateThreshold: 0.9, clusterThreshold: 0.7 })
    expect([...found.duplicateOf]).toEqual([NOT_A_DUPLICATE, ...Array<number>(rows - 1).fill(0)])
    expect([...found.classOf]).toEqual([0, ...Array<number>(rows - 1).fill(NO_CLASS)])
    expect([...found.sizes]).toEqual([1])
  })

  it('does not join classes through a row that was removed', async () => {
    // 1 is a duplicate of 0 and the only link to 2; 3 and 4 hang together by themselves.
    const edges: Edge[] = [
      [1, 2, 0.8],
      [0, 1, 0.95],
      [3, 4, 0.8],
      [1, 3, 0.8],
    ]
    const found = await cluster([batchOf(edges)], { rows: 5, duplicateThreshold: 0.9, clusterThreshold: 0.7 })
    expect([...found.duplicateOf]).toEqual([-1, 0, -1, -1, -1])
    expect([...found.classOf]).toEqual([1, NO_CLASS, 2, 0, 0])
    expect([...found.sizes]).toEqual([2, 1, 1])
  })

  it('keeps all rows without a duplicate threshold', async () => {
    const options = { rows: 2, duplicateThreshold: undefined, clusterThreshold: 0.7 }
    expect(await cluster([batchOf([[0, 1, 1]])], options)).toEqual({
      classOf: Int32Array.of(0, 0),
      duplicateOf: Int32Array.of(-1, -1),
      sizes: Uint32Array.of(2),
    })
  })

  it('removes duplicates below a higher cluster threshold too', async () => {
    const edges: Edge[] = [
      [0, 1, 0.8],
      [1, 2, 0.99],
      [3, 4, 0.6],
    ]
    const found = await cluster([batchOf(edges)], {
      rows: 5,
      duplicateThreshold: 0.7,
      clusterThreshold: 0.95,
    })
    expect([...found.duplicateOf]).toEqual([-1, 0, 0, -1, -1])
    expect([...found.classOf]).toEqual([0, NO_CLASS, NO_CLASS, 1, 2])
  })

  it('gives excluded rows neither a class nor a place among duplicates', async () => {
    const found = await cluster([], {
      rows: 4,
      duplicateThreshold: 0.9,
      clusterThreshold: 0.7,
      excluded: Uint32Array.of(0, 2),
    })
    expect([...found.classOf]).toEqual([NO_CLASS, 0, NO_CLASS, 1])
    expect([...found.duplicateOf]).toEqual([-1, -1, -1, -1])
    expect([...found.sizes]).toEqual([1, 1])
  })

  it.each([0, 1, 2])('takes %i rows without edges', async (rows) => {
    const found = await cluster([], { rows, duplicateThreshold: 0.9, clusterThreshold: 0.7 })
    expect(found).toEqual({
      classOf: Int32Array.from({ length: rows }, (_, row) => row),
      duplicateOf: new Int32Array(rows).fill(NOT_A_DUPLICATE),
      sizes: new Uint32Array(rows).fill(1),
    })
  })

  it.each([2 ** 20, 2 ** 21 + 3])('keeps %i edges, in blocks of 2 ** 20', async (count) => {
    // Edges that decide stand at the ends of blocks, among many that say nothing new.
    const source = Uint32Array.from({ length: count }, (_, i) => i % 10)
    const target = source.map((row) => (row + 1) % 10)
    const similarity = new Float32Array(count).fill(0.8)
    const decisive = [0, 2 ** 20 - 1, 2 ** 20, 2 ** 21 - 1, 2 ** 21, count - 1].filter(
      (at, i, all) => at < count && all.indexOf(at) === i,
    )
    decisive.forEach((at, i) => {
      source[at] = 10 + 2 * i
      target[at] = 11 + 2 * i
    })
    const pairs = decisive.length
    const found = await cluster([{ source, target, similarity }], {
      rows: 10 + 2 * pairs,
      duplicateThreshold: 0.9,
      clusterThreshold: 0.7,
    })
    expect([...found.sizes]).toEqual([10, ...Array<number>(pairs).fill(2)])
    expect([...found.classOf.subarray(10)]).toEqual(decisive.flatMap((_, i) => [i + 1, i + 1]))
    expect(found.duplicateOf.every((stays) => stays === NOT_A_DUPLICATE)).toBe(true)
  })
})

describe('bad edges', () => {
  it.each<[string, Edge]>([
    ['a source out of range', [3, 1, 0.8]],
    ['a target out of range', [1, 3, 0.8]],
    ['a row far out of range, below every threshold', [0, 2 ** 32 - 1, -1]],
    ['a similarity that is NaN', [0, 1, NaN]],
  ])('refuses %s', async (_case, edge) => {
    const stage = clusterEdges({ rows: 3, clusterThreshold: 0.7 })
    const failed = once(stage, 'error')
    stage.write(batchOf([[0, 1, 0.9], edge]))
    const [error] = await failed
    expect(error).toBeInstanceOf(GraphError)
    expect(error).toMatchObject({ code: 'EDGE', name: 'GraphError' })
    expect(stage.destroyed).toBe(true)
  })

  it('refuses any edge where there are no rows', async () => {
    await expect(cluster([batchOf([[0, 0, 1]])], { rows: 0, clusterThreshold: 0 })).rejects.toMatchObject({
      code: 'EDGE',
    })
  })
})

describe('options', () => {
  const valid = { rows: 1, clusterThreshold: 0.7 }

  it.each([
    ['rows', { ...valid, rows: -1 }],
    ['rows', { ...valid, rows: 1.5 }],
    ['rows', { ...valid, rows: NaN }],
    ['clusterThreshold', { ...valid, clusterThreshold: 1.01 }],
    ['clusterThreshold', { ...valid, clusterThreshold: NaN }],
    ['duplicateThreshold', { ...valid, duplicateThreshold: -1.01 }],
    ['duplicateThreshold', { ...valid, duplicateThreshold: NaN }],
  ])('%s is checked at construction: %o', (name, options) => {
    expect(() => clusterEdges(options)).toThrow(OptionError)
    expect(() => clusterEdges(options)).toThrow(name)
  })
})

describe('edges that can be read again', () => {
  it('are not kept, with the same result', async () => {
    const random = seededRandom(12)
    for (let round = 0; round < 20; round++) {
      const rows = 2 + Math.floor(random() * 60)
      const batches = Array.from({ length: 3 }, () => {
        const source = Uint32Array.from({ length: 40 }, () => Math.floor(random() * (rows - 1)))
        const target = source.map((row) => row + 1 + Math.floor(random() * (rows - row - 1)))
        return { source, target, similarity: Float32Array.from(source, () => 0.5 + random() / 2) }
      })
      const options = { rows, duplicateThreshold: 0.9, clusterThreshold: 0.7 }
      let times = 0
      const again = async function* () {
        times++
        yield* batches
      }
      expect(await cluster(batches, { ...options, again })).toEqual(await cluster(batches, options))
      expect(times).toBe(1)
    }
  })

  it('are checked the second time, too', async () => {
    const edge = { source: Uint32Array.of(0), target: Uint32Array.of(1), similarity: Float32Array.of(1) }
    const again = async function* () {
      yield { ...edge, target: Uint32Array.of(2) }
    }
    const options = { rows: 2, duplicateThreshold: 0.9, clusterThreshold: 0.7, again }
    await expect(cluster([edge], options)).rejects.toMatchObject({
      code: 'EDGE',
    })
  })

  it('many more than a block are kept where they cannot', async () => {
    const length = 2 ** 18
    const chains = Array.from({ length: 9 }, (_, batch) => {
      const source = Uint32Array.from({ length }, (_row, i) => (i * 7 + batch) % 4990)
      return { source, target: source.map((row) => row + 10), similarity: new Float32Array(length).fill(0.8) }
    })
    const { sizes } = await cluster(chains, { rows: 5000, duplicateThreshold: 0.9, clusterThreshold: 0.7 })
    expect([...sizes]).toEqual(Array.from({ length: 10 }, () => 500))
  })
})

describe('clusterEdges', () => {
  it('refuses more rows than int32 numbers', () => {
    expect(() => clusterEdges({ rows: 2 ** 31, clusterThreshold: 0.7 })).toThrow(
      expect.objectContaining({ code: 'ROWS' }),
    )
  })
})
