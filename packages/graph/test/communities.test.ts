import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { NO_CLASS, NOT_A_DUPLICATE, OptionError, type Clustering } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { detectCommunities, type CommunityOptions } from '../src/index.js'
import { again, bruteForceEdges, faces, readerOf, unit } from './communities-reference.js'
import { cluster, randomBatches, shuffled, type Edge } from './reference.js'

const DIM = 32
const folder = mkdtempSync(join(tmpdir(), 'facekit-communities-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Options = Partial<Omit<CommunityOptions, 'rows' | 'again' | 'embeddings'>>

async function detect(
  values: Float32Array,
  edges: Edge[],
  options: Options = {},
  most = 500,
): Promise<Clustering> {
  const embeddings = readerOf(values, DIM)
  const stage = detectCommunities({
    rows: embeddings.rows,
    threshold: 0.5,
    again: again(edges, most),
    embeddings,
    ...options,
  })
  const out = await Readable.from(randomBatches(edges, most, seededRandom(1)))
    .pipe(stage)
    .toArray()
  expect(out.length).toBe(1)
  return out[0]!
}

/** Rows of a made-up set in the order of another, and the edges between them. */
function madeUp(people: number, each: number, alike: number, seed: number) {
  const { values, persons } = faces(people, each, DIM, alike, seed)
  readerOf(values, DIM)
  return { values, persons, edges: bruteForceEdges({ values, dim: DIM }, 0.3, 80) }
}

/** Two persons of 20 faces, and 30 faces from one to the other that get more and more alike to a third direction and back. */
function chain(): Float32Array {
  const random = seededRandom(61)
  const [first, second, blur] = [unit(DIM, random), unit(DIM, random), unit(DIM, random)]
  const rows: Float32Array[] = []
  const add = (parts: [Float32Array, number][], noise: number) => {
    const extra = unit(DIM, random)
    rows.push(
      Float32Array.from({ length: DIM }, (_, k) =>
        parts.reduce((sum, [part, share]) => sum + share * part[k]!, noise * extra[k]!),
      ),
    )
  }
  for (let i = 0; i < 20; i++) add([[first, 1]], 0.5)
  for (let i = 0; i < 20; i++) add([[second, 1]], 0.5)
  for (let i = 0; i < 15; i++)
    add(
      [
        [first, 1 - i / 15],
        [blur, i / 15],
      ],
      0.4,
    )
  for (let i = 0; i < 15; i++)
    add(
      [
        [second, 1 - i / 15],
        [blur, i / 15],
      ],
      0.4,
    )
  return Float32Array.from(rows.flatMap((row) => [...row]))
}

describe('communities', () => {
  it('keep two persons apart whom a chain of blurred faces joins', async () => {
    const values = chain()
    readerOf(values, DIM)
    const edges = bruteForceEdges({ values, dim: DIM }, 0.5)
    const joined = await cluster(randomBatches(edges, 50, seededRandom(1)), {
      rows: 70,
      clusterThreshold: 0.5,
    })
    expect(joined.classOf[0]).toBe(joined.classOf[20])
    const { classOf } = await detect(values, edges)
    expect(new Set(classOf.subarray(0, 20)).size).toBe(1)
    expect(new Set(classOf.subarray(20, 40)).size).toBe(1)
    expect(classOf[0]).not.toBe(classOf[20])
  })

  it('are the persons where these are far apart, numbered by size and smallest row', async () => {
    const { values, persons, edges } = madeUp(12, 9, 0.75, 62)
    const { classOf, sizes, duplicateOf } = await detect(values, edges)
    expect([...classOf]).toEqual([...persons])
    expect([...sizes]).toEqual(Array<number>(12).fill(9))
    expect(duplicateOf.every((stays) => stays === NOT_A_DUPLICATE)).toBe(true)
  })

  it('are the same whatever memory there is and however edges are cut', async () => {
    for (let round = 0; round < rounds(3, 40); round++) {
      const { values, edges } = madeUp(20, 8, 0.6, 63 + round)
      const options = { duplicateThreshold: 0.75, excluded: Uint32Array.of(3, 77) }
      const expected = await detect(values, edges, options)
      for (const memoryBytes of [1, 3000, 40_000, 2 ** 30]) {
        const bounded = { ...options, memoryBytes, scratchFolder: folder }
        expect(await detect(values, edges, bounded, 7 + round), `${memoryBytes}`).toEqual(expected)
        expect(readdirSync(folder)).toEqual([])
      }
    }
  })

  it('hardly change with the order of the rows', async () => {
    for (let round = 0; round < rounds(3, 30); round++) {
      const { values, edges } = madeUp(30, 8, 0.6, 70 + round)
      const rows = values.length / DIM
      const { classOf } = await detect(values, edges)
      const order = shuffled(
        Array.from({ length: rows }, (_, row) => row),
        seededRandom(round),
      )
      const moved = new Float32Array(values.length)
      order.forEach((from, to) => moved.set(values.subarray(from * DIM, (from + 1) * DIM), to * DIM))
      const other = await detect(moved, bruteForceEdges({ values: moved, dim: DIM }, 0.3, 80))
      let [same, either] = [0, 0]
      for (let a = 0; a < rows; a++)
        for (let b = 0; b < a; b++) {
          const here = other.classOf[a] === other.classOf[b]
          const there = classOf[order[a]!] === classOf[order[b]!]
          same += Number(here && there)
          either += Number(here || there)
        }
      expect(same / either).toBeGreaterThan(0.95)
    }
  })

  it('leave out duplicates as clusterEdges does, and take no edges of them', async () => {
    const { values, persons } = faces(6, 10, DIM, 0.7, 64)
    // The last ten rows are as the first ten.
    values.copyWithin(50 * DIM, 0, 10 * DIM)
    readerOf(values, DIM)
    const edges = bruteForceEdges({ values, dim: DIM }, 0.3)
    const options = { duplicateThreshold: 0.95, excluded: Uint32Array.of(4) }
    const found = await detect(values, edges, options)
    const joined = await cluster(randomBatches(edges, 50, seededRandom(1)), {
      rows: 60,
      clusterThreshold: 0.5,
      ...options,
    })
    expect([...found.duplicateOf]).toEqual([...joined.duplicateOf])
    expect([...found.duplicateOf.subarray(50)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect([...found.classOf].map((value) => value === NO_CLASS)).toEqual(
      [...joined.classOf].map((value) => value === NO_CLASS),
    )
    const stayed = [...found.classOf].filter((value) => value !== NO_CLASS)
    expect(stayed.length).toBe(49)
    expect(persons.length).toBe(60)
  })

  it('take rows that cannot be used, zeros, rows by themselves and rows that are the same', async () => {
    const { values } = faces(2, 6, DIM, 0.8, 65)
    values.fill(0, 4 * DIM, 6 * DIM)
    // Rows 6 and 8 are one picture; rows 9 and 11 like none.
    values.copyWithin(8 * DIM, 6 * DIM, 7 * DIM)
    for (const row of [9, 11]) values.set(unit(DIM, seededRandom(600 + row)), row * DIM)
    readerOf(values, DIM)
    const edges = bruteForceEdges({ values, dim: DIM }, 0.5)
    const { classOf, sizes } = await detect(values, edges, { excluded: Uint32Array.of(4) })
    expect(classOf[4]).toBe(NO_CLASS)
    expect(classOf[6]).toBe(classOf[8])
    for (const row of [5, 9, 11]) expect(sizes[classOf[row]!]).toBe(1)
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(11)
  })

  it('are those of the others where rows are excluded', async () => {
    const { values, edges } = madeUp(10, 8, 0.5, 68)
    const excluded = Uint32Array.from({ length: 30 }, (_, i) => 2 * i)
    const found = await detect(values, edges, { excluded })
    const others = edges.filter(([a, b]) => !excluded.includes(a) && !excluded.includes(b))
    expect(found).toEqual(await detect(values, others, { excluded }))
    for (const row of excluded) expect(found.classOf[row]).toBe(NO_CLASS)
  })

  it.each([0, 1, 2])('take %i rows without edges', async (rows) => {
    const values = new Float32Array(rows * DIM).fill(1)
    for (const memoryBytes of [undefined, 1]) {
      const options = memoryBytes ? { memoryBytes, scratchFolder: folder } : {}
      const found = await detect(values, [], { duplicateThreshold: 0.9, ...options })
      expect(found).toEqual({
        classOf: Int32Array.from({ length: rows }, (_, row) => row),
        duplicateOf: new Int32Array(rows).fill(NOT_A_DUPLICATE),
        sizes: new Uint32Array(rows).fill(1),
      })
    }
  })

  it('join two rows that are the same', async () => {
    const { classOf } = await detect(new Float32Array(2 * DIM).fill(1), [[0, 1, 1]])
    expect([...classOf]).toEqual([0, 0])
  })

  it('count an edge exactly at the threshold, as float32 holds it', async () => {
    const values = new Float32Array(2 * DIM)
    values.set([1, 0], 0)
    values.set([0.7, Math.sqrt(0.51)], DIM)
    const at = Math.fround(0.7)
    expect([...(await detect(values.slice(), [[0, 1, at]], { threshold: 0.7 })).sizes]).toEqual([2])
    expect([...(await detect(values, [[0, 1, at - 2 ** -23]], { threshold: 0.7 })).sizes]).toEqual([1, 1])
  })

  it('say what is being done', async () => {
    const steps: string[] = []
    const { values, edges } = madeUp(3, 4, 0.7, 66)
    await detect(values, edges, { onProgress: (step) => steps.push(step) })
    expect(steps).toEqual(['graph', 'smoothing', 'communities', 'polishing'])
  })
})

describe('what cannot be done', () => {
  const embeddings = readerOf(new Float32Array(3 * DIM).fill(1), DIM)
  const valid: CommunityOptions = { rows: 3, threshold: 0.5, again: again([]), embeddings }

  it.each<[string, CommunityOptions]>([
    ['rows', { ...valid, rows: -1 }],
    ['embeddings of 4 rows', { ...valid, rows: 4 }],
    ['threshold', { ...valid, threshold: NaN }],
    ['duplicateThreshold', { ...valid, duplicateThreshold: 1.5 }],
    ['memoryBytes', { ...valid, memoryBytes: 0, scratchFolder: folder }],
    ['scratchFolder', { ...valid, memoryBytes: 1000 }],
    ['dim', { ...valid, embeddings: { ...embeddings, dim: 0 } }],
  ])('%s is checked at construction', (name, options) => {
    expect(() => detectCommunities(options)).toThrow(OptionError)
    expect(() => detectCommunities(options)).toThrow(name)
  })

  it('is an edge out of range, in either reading', async () => {
    const bad: Edge[] = [[0, 3, 0.9]]
    const values = new Float32Array(3 * DIM).fill(1)
    await expect(detect(values, bad)).rejects.toMatchObject({ code: 'EDGE' })
    await expect(detect(values, [], { again: again(bad) } as Options)).rejects.toMatchObject({ code: 'EDGE' })
  })

  it('leaves no files behind, when reading fails and when it is stopped', async () => {
    const { values, edges } = madeUp(4, 6, 0.7, 67)
    const reader = readerOf(values, DIM)
    const options = {
      rows: reader.rows,
      threshold: 0.5,
      again: again(edges),
      memoryBytes: 1,
      scratchFolder: folder,
    }
    for (let failing = 1; failing < 400; failing += 57) {
      let reads = 0
      const unreliable = {
        ...reader,
        readUnits: async (start: number, end: number, into: Float32Array) => {
          if (++reads === failing) throw new Error('gone')
          await reader.readUnits(start, end, into)
        },
      }
      const stage = detectCommunities({ ...options, embeddings: unreliable })
      stage.end()
      await expect(stage.toArray()).rejects.toThrow('gone')
      expect(readdirSync(folder)).toEqual([])
    }
    let stopAt = ''
    for (stopAt of ['graph', 'smoothing', 'communities', 'polishing']) {
      const stage = detectCommunities({
        ...options,
        embeddings: reader,
        onProgress: (step) => step === stopAt && stage.destroy(),
      })
      stage.end()
      stage.resume()
      await once(stage, 'close')
      await expect.poll(() => readdirSync(folder), { timeout: 30_000 }).toEqual([])
    }
  })
})
