import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { iterate, type BatchesOf, type EdgeBatch, type EmbeddingBatch } from '@facekit/core'
import { clusterEdges, findBridges, sweepThresholds } from '@facekit/graph'
import { readArrow, writeArrow } from '@facekit/io-arrow'
import { openFileSet, readEmbeddings, shardEmbeddings } from '@facekit/io-npy'
import { Gallery, gatherGallery, searchNeighbors } from '@facekit/index-faiss'
import { People } from '@facekit/testing'
import highland from 'highland'
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { cluster } from '../src/index.js'
import { temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const ROWS = 300
const DIM = 8
const batches: EmbeddingBatch[] = []
let arrow: Uint8Array[]
let edges: EdgeBatch[]

beforeAll(async () => {
  batches.push(...new People(ROWS, DIM).batches())
  arrow = await Readable.from(batches)
    .pipe(writeArrow({ dim: DIM, normalized: true, modelHash: 'sha256:…' }))
    .toArray()
  const gallery = new Gallery(ROWS, DIM)
  await pipeline(batches, gatherGallery(gallery))
  edges = await searchNeighbors(gallery, { threshold: 0.5, topK: 100 }).toArray()
})

async function* oneByOne<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all
}

/** The same batches in every form that somebody may have. */
const FORMS: [string, <T>(all: readonly T[]) => BatchesOf<T>][] = [
  ['an array', (all) => all],
  ['an async iterable', oneByOne],
  ['a stream of Node', (all) => Readable.from(all)],
  ['a stream of highland', (all) => highland([...all])],
]

describe.each(FORMS)('%s', (_form, as) => {
  it('is read in order', async () => {
    const found: number[] = []
    for await (const number of iterate(as([1, 2, 3]))) {
      expectTypeOf(number).toEqualTypeOf<number>()
      found.push(number)
    }
    expect(found).toEqual([1, 2, 3])
  })

  it('is an Arrow stream, for readArrow and cluster', async () => {
    const read = await readArrow(as(arrow)).toArray()
    expect(read.flatMap(({ paths }) => paths)).toEqual(batches.flatMap(({ paths }) => paths))
    const { images } = await cluster({ input: as(arrow), output: inFolder(`labels of ${_form}`) })
    expect(images).toBe(ROWS)
  })

  it('gives edges, for what reads them', async () => {
    const rows = ROWS
    const clusterThreshold = 0.7
    const reference = await Readable.from(edges).pipe(clusterEdges({ rows, clusterThreshold })).toArray()
    const twice = clusterEdges({ rows, clusterThreshold, duplicateThreshold: 0.9, again: () => as(edges) })
    const kept = clusterEdges({ rows, clusterThreshold, duplicateThreshold: 0.9 })
    expect(await Readable.from(edges).pipe(twice).toArray()).toEqual(
      await Readable.from(edges).pipe(kept).toArray(),
    )
    const { classOf } = reference[0]!
    const bridges = { classOf, leastHalf: 2, most: 10 }
    expect(await findBridges({ ...bridges, edges: as(edges) })).toEqual(
      await findBridges({ ...bridges, edges: Readable.from(edges) }),
    )
    const sweep = { rows, thresholds: [0.5, 0.7] }
    expect(await sweepThresholds({ ...sweep, edges: () => as(edges) })).toEqual(
      await sweepThresholds({ ...sweep, edges: () => Readable.from(edges) }),
    )
  })
})

describe('stages', () => {
  it('are connected by pipeline, pipe and highland alike', async () => {
    const clustering = () => clusterEdges({ rows: ROWS, clusterThreshold: 0.7 })
    const search = () => {
      const gallery = new Gallery(ROWS, DIM)
      for (const { embeddings } of batches) gallery.add(embeddings)
      return searchNeighbors(gallery, { threshold: 0.5, topK: 100 })
    }
    const [piped] = await search().pipe(clustering()).toArray()
    await pipeline(search(), clustering(), async (found) => {
      for await (const one of found) expect(one).toEqual(piped)
    })
    await pipeline(edges, clustering(), async (found) => {
      for await (const one of found) expect(one).toEqual(piped)
    })
    const through = await highland(search()).through(clustering()).collect().toPromise(Promise)
    expect(through).toEqual([piped])

    const [piece, other] = [inFolder('piped'), inFolder('through')]
    await pipeline(batches, shardEmbeddings({ output: piece }))
    const sink = highland(batches).pipe(shardEmbeddings({ output: other }))
    await new Promise((resolve, reject) => sink.once('close', resolve).once('error', reject))
    for (const name of sink.result.files)
      expect(readFileSync(join(other, name))).toEqual(readFileSync(join(piece, name)))
    const again = await highland<EmbeddingBatch>(readEmbeddings(await openFileSet(piece)))
      .map(({ paths }) => paths.length)
      .collect()
      .toPromise(Promise)
    expect(again.reduce((sum, length) => sum + length)).toBe(ROWS)
  })
})

describe('reading', () => {
  it('ends a stream of highland that it leaves early, and passes its errors on', async () => {
    let isReleased = false
    const numbers = highland<number>(Readable.from([1, 2, 3]), () => () => (isReleased = true))
    for await (const number of iterate(numbers)) if (number === 1) break
    await setImmediate()
    expect(isReleased).toBe(true)

    const failing = highland<number>((push) => push(new Error('No more of them')))
    await expect(iterate(failing)[Symbol.asyncIterator]().next()).rejects.toThrow('No more of them')
  })

  it('destroys a stream of Node that it leaves early', async () => {
    const numbers = Readable.from([1, 2, 3])
    for await (const number of iterate<number>(numbers)) if (number === 1) break
    expect(numbers.destroyed).toBe(true)
  })
})
