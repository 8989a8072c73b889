import { mkdtempSync, readdirSync, rmSync, writeFileSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EdgeBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { checkPieces, EdgeCollector, parsePieces, type Piece } from '../src/index.js'
import { bruteForceEdges, batchOf, edgesOf, randomPairs, type Pair } from './reference.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-collector-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** So little that a handful of pairs fills it. */
const LITTLE = 2000

function collectorOf(rows: number, listLength: number, memoryBytes: number, pieces: readonly Piece[] = []) {
  const cutoffs = new Float32Array(rows).fill(-Infinity)
  return new EdgeCollector({ rows, listLength, cutoffs, memoryBytes, folder: join(folder, 'pieces'), pieces })
}

async function collect(
  rows: number,
  listLength: number,
  batches: readonly (readonly Pair[])[],
  memoryBytes: number,
): Promise<string[]> {
  const collector = collectorOf(rows, listLength, memoryBytes)
  for (const batch of batches) await collector.add(batchOf(batch))
  const edges = await edgesOf(collector.edges())
  await collector.close(false)
  return edges
}

function inBatches(pairs: readonly Pair[], random: () => number): Pair[][] {
  const batches: Pair[][] = []
  for (let at = 0; at < pairs.length;) {
    const length = 1 + Math.floor(random() * 40)
    batches.push(pairs.slice(at, at + length))
    at += length
  }
  return batches
}

describe('EdgeCollector', () => {
  it('gives the edges of the topK rule in their order, whatever the memory and the order of pairs', async () => {
    const random = seededRandom(21)
    for (let round = 0; round < rounds(60, 3000); round++) {
      const rows = 2 + Math.floor(random() * 60)
      const pairs = randomPairs(rows, random)
      const listLength = [1, 2, 7, rows - 1][round % 4]!
      const expected = bruteForceEdges(pairs, listLength)
      // Some come again.
      const again = [...pairs, ...pairs.slice(0, Math.floor(random() * pairs.length))]
      const batches = inBatches(
        again.toSorted(() => random() - 0.5),
        random,
      )
      for (const memoryBytes of [2 ** 30, LITTLE])
        expect(await collect(rows, listLength, batches, memoryBytes), `round ${round}`).toEqual(expected)
    }
    expect(readdirSync(folder)).toEqual([])
  })

  it('selects parts and wholes alike: what parts have selected, selected together, is the selection of all', async () => {
    const random = seededRandom(22)
    for (let round = 0; round < rounds(100, 5000); round++) {
      const rows = 2 + Math.floor(random() * 30)
      const pairs = randomPairs(rows, random)
      const listLength = 1 + Math.floor(random() * 4)
      const ofParts = [pairs.filter((_, i) => i % 2 === 0), pairs.filter((_, i) => i % 2 === 1)].flatMap(
        (part) => {
          const kept = new Set(bruteForceEdges(part, listLength))
          return part.filter((pair) => kept.has(pair.join(' ')))
        },
      )
      expect(await collect(rows, listLength, [ofParts], 2 ** 20)).toEqual(bruteForceEdges(pairs, listLength))
    }
  })

  it('raises cutoffs no further than the ends of lists', async () => {
    const random = seededRandom(23)
    const rows = 40
    const pairs = randomPairs(rows, random, 600)
    const cutoffs = new Float32Array(rows).fill(-Infinity)
    const collector = new EdgeCollector({
      rows,
      listLength: 3,
      cutoffs,
      memoryBytes: LITTLE,
      folder: join(folder, 'cut'),
    })
    for (const batch of inBatches(pairs, random)) await collector.add(batchOf(batch))
    expect(cutoffs.some((cutoff) => cutoff > 0)).toBe(true)
    for (let row = 0; row < rows; row++) {
      const own = pairs.filter(([a, b]) => a === row || b === row).map(([, , similarity]) => similarity)
      const third = own.toSorted((a, b) => b - a)[2] ?? -Infinity
      expect(cutoffs[row]).toBeLessThanOrEqual(third)
    }
    await collector.close(false)
  })

  it('is gone on with from its pieces, at any point', async () => {
    const random = seededRandom(24)
    for (let round = 0; round < rounds(20, 500); round++) {
      const rows = 5 + Math.floor(random() * 40)
      const pairs = randomPairs(rows, random, 300)
      const listLength = [2, rows - 1][round % 2]!
      const batches = inBatches(pairs, random)
      const stop = Math.floor(random() * batches.length)
      const first = collectorOf(rows, listLength, LITTLE)
      for (const batch of batches.slice(0, stop)) await first.add(batchOf(batch))
      const recorded: unknown = JSON.parse(JSON.stringify(await first.settle()))
      // It goes on a little, as one does that is killed later.
      for (const batch of batches.slice(stop, stop + 3)) await first.add(batchOf(batch))
      await first.close(true)
      const pieces = parsePieces(recorded)!
      await checkPieces(join(folder, 'pieces'), pieces)
      const second = collectorOf(rows, listLength, LITTLE, pieces)
      await second.raiseCutoffs()
      for (const batch of batches.slice(stop)) await second.add(batchOf(batch))
      expect(await edgesOf(second.edges())).toEqual(bruteForceEdges(pairs, listLength))
      await second.close(false)
      rmSync(join(folder, 'pieces'), { recursive: true, force: true })
    }
  })

  it('names pieces that are not as they were recorded', async () => {
    const at = join(folder, 'damaged')
    const cutoffs = new Float32Array(9).fill(-Infinity)
    const collector = new EdgeCollector({ rows: 9, listLength: 8, cutoffs, memoryBytes: LITTLE, folder: at })
    await collector.add(batchOf([[0, 1, 0.9]]))
    const pieces = await collector.settle()
    await collector.close(true)
    await checkPieces(at, pieces)
    expect(parsePieces(pieces)).toEqual(pieces)
    const path = join(at, pieces[0]!.name)
    const refused = { code: 'RUN_DAMAGED', message: expect.stringContaining('piece-0.parquet') as string }
    truncateSync(path, pieces[0]!.file.bytes - 1)
    await expect(checkPieces(at, pieces)).rejects.toMatchObject(refused)
    writeFileSync(path, Buffer.alloc(pieces[0]!.file.bytes))
    await expect(checkPieces(at, pieces)).rejects.toMatchObject(refused)
    rmSync(path)
    await expect(checkPieces(at, pieces)).rejects.toMatchObject(refused)
    const [piece] = pieces
    for (const odd of [
      undefined,
      {},
      [1],
      [null],
      [{ ...piece, name: '../piece-0.parquet' }],
      [{ ...piece, file: {} }],
    ])
      expect(parsePieces(odd)).toBe(undefined)
  })
})

describe('a crowd', () => {
  it('takes no more on the disk than its lists', async () => {
    const rows = 400
    const listLength = 3
    const random = seededRandom(25)
    const collector = collectorOf(rows, listLength, 20_000)
    let most = 0
    for (let source = 0; source < rows; source++) {
      const targets = Array.from({ length: rows - source - 1 }, (_, i) => source + 1 + i)
      const batch: EdgeBatch = batchOf(targets.map((target): Pair => [source, target, Math.fround(random())]))
      await collector.add(batch)
      const pieces = await collector.settle()
      await collector.removeReplaced()
      most = Math.max(
        most,
        pieces.reduce((sum, { pairs }) => sum + pairs, 0),
      )
    }
    expect((await edgesOf(collector.edges())).length).toBeLessThanOrEqual(rows * listLength)
    await collector.close(false)
    // All pairs are 79,800; a list has room for 3 in each piece, of which there are 8 of each level at most.
    expect(most).toBeLessThan(30_000)
  })
})
