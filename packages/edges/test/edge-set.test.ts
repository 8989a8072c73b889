import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import type { EdgeBatch } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import {
  checkEdges,
  EmbeddingsFingerprint,
  openEdges,
  readEdges,
  writeEdges,
  type EdgesInfo,
} from '../src/index.js'
import { batchOf, edgesOf, randomPairs, type Pair } from './reference.js'

const parent = mkdtempSync(join(tmpdir(), 'facekit-edges-'))
afterAll(() => rmSync(parent, { recursive: true }))
let folders = 0
let folder = ''
beforeEach(() => {
  folder = join(parent, String(folders++))
})

const INFO: EdgesInfo = { rows: 2 ** 20, dim: 8, floor: 0, topK: 100, fingerprint: 'sha256:00', unusable: 0 }

/** Some more than two row groups. */
function manyPairs(): Pair[] {
  return randomPairs(2 ** 20, seededRandom(31), 150_000).toSorted(([a, b], [c, d]) => a - c || b - d)
}

async function write(pairs: readonly Pair[], info: Partial<EdgesInfo> = {}, batchPairs = 10_000) {
  const batches = Array.from({ length: Math.ceil(pairs.length / batchPairs) }, (_, i) =>
    batchOf(pairs.slice(i * batchPairs, (i + 1) * batchPairs)),
  )
  const writer = writeEdges({ output: folder, ...INFO, ...info })
  await pipeline(Readable.from(batches), writer)
  return writer.result
}

describe('writeEdges and readEdges', () => {
  it('give back what was written, above any threshold', async () => {
    const pairs = manyPairs()
    const { edges, files } = await write(pairs)
    expect(edges).toBe(pairs.length)
    expect(files).toEqual(['edges_0.parquet', 'edges.json'])
    const set = await openEdges(folder)
    expect(set).toMatchObject({ ...INFO, edges: pairs.length })
    await checkEdges(set)
    for (const threshold of [undefined, 0, 0.25, 0.5, 11 / 12, 1]) {
      const options = threshold === undefined ? {} : { threshold }
      const expected = pairs.filter(([, , similarity]) => similarity >= Math.fround(threshold ?? -1))
      expect(await edgesOf(readEdges(set, options))).toEqual(expected.map((pair) => pair.join(' ')))
    }
  })

  it('make the same bytes, however the edges come', async () => {
    const pairs = manyPairs()
    const bytes: Buffer[] = []
    for (const batchPairs of [150_000, 7777]) {
      await write(pairs, {}, batchPairs)
      bytes.push(readFileSync(join(folder, 'edges_0.parquet')), readFileSync(join(folder, 'edges.json')))
    }
    expect(bytes[0]!.equals(bytes[2]!)).toBe(true)
    expect(bytes[1]!.equals(bytes[3]!)).toBe(true)
  })

  it('are what DuckDB reads', async () => {
    const pairs = manyPairs()
    await write(pairs)
    const connection = await (await DuckDBInstance.create()).connect()
    const from = `from '${join(folder, '*.parquet')}'`
    const read = await connection.runAndReadAll(`select source, target, similarity ${from}`)
    expect(read.columnTypes().map(String)).toEqual(['INTEGER', 'INTEGER', 'FLOAT'])
    expect(read.getRows().map((row) => row.join(' '))).toEqual(pairs.map((pair) => pair.join(' ')))
    const counted = await connection.runAndReadAll(`select count(*) ${from} where similarity >= 0.5`)
    expect(Number(counted.getRows()[0]![0])).toBe(
      pairs.filter(([, , similarity]) => similarity >= 0.5).length,
    )
    connection.closeSync()
  })

  it('take no edges at all, and every pair for all of topK', async () => {
    await write([], { topK: Infinity, rows: 0 })
    const set = await openEdges(folder)
    expect(set).toMatchObject({ topK: Infinity, edges: 0, files: [] })
    expect(await edgesOf(readEdges(set))).toEqual([])
  })

  it.each<[string, Pair[]]>([
    [
      'pairs out of order',
      [
        [1, 2, 0.5],
        [0, 5, 0.5],
      ],
    ],
    [
      'targets out of order',
      [
        [1, 3, 0.5],
        [1, 2, 0.5],
      ],
    ],
    [
      'a pair twice',
      [
        [1, 2, 0.5],
        [1, 2, 0.5],
      ],
    ],
    ['a pair the wrong way round', [[2, 1, 0.5]]],
    ['a row with itself', [[2, 2, 0.5]]],
    ['a row that is none', [[2, 9, 0.5]]],
    ['what is below the floor', [[1, 2, 0.1]]],
    ['what is no similarity', [[1, 2, NaN]]],
  ])('refuse %s, and leave nothing', async (_case, pairs) => {
    await expect(write(pairs, { rows: 9, floor: 0.3 })).rejects.toMatchObject({ code: 'EDGES_ORDER' })
    expect(() => readdirSync(folder)).toThrow('ENOENT')
  })

  it('spread many edges over files, which are read as one', async () => {
    const edges = 2 ** 24 + 70_000
    function* chain() {
      for (let start = 0; start < edges; start += 2 ** 20) {
        const source = Uint32Array.from({ length: Math.min(2 ** 20, edges - start) }, (_, i) => start + i)
        yield {
          source,
          target: source.map((row) => row + 1),
          similarity: new Float32Array(source.length).fill(0.5),
        }
      }
    }
    const info = { ...INFO, rows: edges + 1 }
    const writer = writeEdges({ output: folder, ...info })
    await pipeline(Readable.from(chain()), writer)
    expect(writer.result.files).toEqual(['edges_0.parquet', 'edges_1.parquet', 'edges.json'])
    const set = await openEdges(folder)
    expect(set.files.map((file) => file.edges)).toEqual([2 ** 24, 70_000])
    await checkEdges(set)
    let next = 0
    let isChain = true
    for await (const { source, target } of readEdges(set))
      for (let i = 0; i < source.length; i++, next++) isChain &&= source[i] === next && target[i] === next + 1
    expect([next, isChain]).toEqual([edges, true])
  })

  it('take the place of earlier edges', async () => {
    await write(manyPairs())
    await write([[0, 1, 1]])
    expect(await edgesOf(readEdges(await openEdges(folder)))).toEqual(['0 1 1'])
  })
})

describe('edges that are not as the manifest says', () => {
  const PAIRS: Pair[] = [
    [0, 1, 0.5],
    [0, 2, 0.75],
    [3, 4, 1],
  ]
  const file = () => join(folder, 'edges_0.parquet')
  const manifest = () => join(folder, 'edges.json')

  it('are found by their size, or by what is in them', async () => {
    await write(PAIRS)
    const set = await openEdges(folder)
    const bytes = readFileSync(file())
    const other = Buffer.from(bytes)
    other[other.indexOf(Buffer.from(Float32Array.of(0.75).buffer))]! ^= 1
    writeFileSync(file(), other)
    await expect(checkEdges(await openEdges(folder))).rejects.toMatchObject({
      code: 'EDGES_CHANGED',
      message: expect.stringContaining('edges_0.parquet') as string,
    })
    // One that was opened before.
    await expect(edgesOf(readEdges(set))).rejects.toMatchObject({ code: 'EDGES_CHANGED' })
    truncateSync(file(), 20)
    await expect(openEdges(folder)).rejects.toMatchObject({ code: 'EDGES_CHANGED' })
    rmSync(file())
    await expect(openEdges(folder)).rejects.toMatchObject({ code: 'EDGES_CHANGED' })
  })

  it('are refused where they are replaced while they are read', async () => {
    // Ten row groups, of which few are read ahead.
    await write(
      Array.from({ length: 600_000 }, (_, row): Pair => [row, row + 1, 0.5]),
      {},
      100_000,
    )
    const read = edgesOf(
      readEdges(await openEdges(folder)).map((batch: EdgeBatch) => {
        utimesSync(file(), 1, 1)
        return batch
      }),
    )
    await expect(read).rejects.toMatchObject({ code: 'EDGES_CHANGED' })
  })

  it.each(['', '{', '[]', '{"version":1}', '{"version":2}', 'null', '{"version":1,"rows":-1}'])(
    'a manifest that holds %j is refused',
    async (text) => {
      await write(PAIRS)
      writeFileSync(manifest(), text)
      await expect(openEdges(folder)).rejects.toMatchObject({
        code: 'EDGES_MANIFEST',
        message: expect.stringContaining(manifest()) as string,
      })
    },
  )

  it.each([
    ['name', '../edges_0.parquet'],
    ['name', 'edges_1.parquet'],
    ['edges', 4],
    ['bytes', 'many'],
  ])('a manifest whose file has the %s %j is refused', async (key, value) => {
    await write(PAIRS)
    const told = JSON.parse(readFileSync(manifest(), 'utf8')) as { files: Record<string, unknown>[] }
    told.files[0]![key] = value
    writeFileSync(manifest(), JSON.stringify(told))
    await expect(openEdges(folder)).rejects.toMatchObject({ code: 'EDGES_MANIFEST' })
  })

  it.each([
    ['floor', -1e300],
    ['floor', 2],
    ['unusable', 2 ** 21],
    ['rows', 2 ** 31],
    ['topK', 'some'],
  ])('a manifest with the %s %j is refused', async (key, value) => {
    await write(PAIRS)
    const told = JSON.parse(readFileSync(manifest(), 'utf8')) as Record<string, unknown>
    writeFileSync(manifest(), JSON.stringify({ ...told, [key]: value }))
    await expect(openEdges(folder)).rejects.toMatchObject({ code: 'EDGES_MANIFEST' })
  })

  it('a folder without edges is one', async () => {
    await expect(openEdges(folder)).rejects.toMatchObject({
      code: 'EDGES_FOLDER',
      message: expect.stringContaining('facekit search') as string,
    })
  })
})

describe('EmbeddingsFingerprint', () => {
  const of = (...batches: Float32Array[]) => {
    const fingerprint = new EmbeddingsFingerprint()
    for (const batch of batches) fingerprint.add(batch)
    return fingerprint.finish()
  }

  it('tells of the numbers alone, and not of how they come', () => {
    const whole = of(Float32Array.of(1, 2, 3, 4))
    expect(whole).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(of(Float32Array.of(1, 2), Float32Array.of(3, 4))).toBe(whole)
    expect(of(Float32Array.of(1, 2, 4, 3))).not.toBe(whole)
  })

  it.each([1, 2, 3, 7, 12])('tells of the first rows, too, wherever batches of %i numbers end', (batch) => {
    const numbers = Float32Array.from({ length: 12 }, (_, i) => i)
    const firsts = [6, 0, 12, 2, 4, 14]
    const fingerprint = new EmbeddingsFingerprint(firsts)
    for (let start = 0; start < 12; start += batch) fingerprint.add(numbers.subarray(start, start + batch))
    const expected = firsts.map((first) => (first > 12 ? undefined : of(numbers.subarray(0, first))))
    expect(firsts.map((first) => fingerprint.of(first))).toEqual(expected)
    expect(fingerprint.of(8)).toBeUndefined()
    expect(fingerprint.finish()).toBe(of(numbers))
  })
})
