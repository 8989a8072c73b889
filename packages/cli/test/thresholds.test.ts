import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { EdgeBatch } from '@facekit/core'
import { EmbeddingsFingerprint, writeEdges } from '@facekit/edges'
import { beforeAll, describe, expect, it } from 'vitest'
import { thresholdsFrom } from '../src/thresholds/thresholds-from.js'
import type { ThresholdsSummary } from '../src/thresholds/run.js'
import { writePeople } from './people.js'
import { facekit, temporaryFolder } from './program.js'

const REAL_EMBEDDINGS = fileURLToPath(new URL('../../../../shared/fixtures/embeddings/', import.meta.url))
const inFolder = temporaryFolder()
const embeddings = inFolder('embeddings')
const edges = inFolder('edges')
const ROWS = 600

interface Made {
  rows: number
  floor: number
  unusable?: number
}

async function write(output: string, batches: Iterable<EdgeBatch>, made: Made): Promise<void> {
  mkdirSync(output, { recursive: true })
  const fingerprint = new EmbeddingsFingerprint().finish()
  const info = { unusable: 0, ...made, floor: Math.fround(made.floor), dim: 8, topK: 100, fingerprint }
  await pipeline(Readable.from(batches), writeEdges({ output, ...info }))
}

async function search(input: string, output: string, floor: string): Promise<void> {
  const args = ['search', '--input', input, '--output', output, '--floor', floor]
  const { status, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
}

async function summaryOf(...args: string[]): Promise<ThresholdsSummary> {
  const { status, stdout, stderr } = await facekit(['thresholds', ...args, '--json'])
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as ThresholdsSummary
}

beforeAll(async () => {
  await writePeople(embeddings, ROWS, 8)
  await search(embeddings, edges, '0.5')
})

describe('facekit thresholds', () => {
  it.each<[string[]]>([[[]], [['--no-remove-duplicates']], [['--duplicate-thresh', '0.97']]])(
    'tells what cluster gives, with %j',
    async (flags) => {
      const { thresholds, duplicates, labelled, images, topK } = await summaryOf(edges, ...flags)
      expect([images, topK, thresholds.length]).toEqual([ROWS, 100, 51])
      for (const threshold of [0.5, 0.7, 0.87, 1]) {
        const args = ['cluster', '--input', embeddings, '--output', inFolder('labels'), ...flags]
        const { stdout, stderr } = await facekit([...args, '--cluster-thresh', `${threshold}`, '--json'])
        const clustered = JSON.parse(stdout) as Record<string, number>
        const { classes } = thresholds.find((one) => one.threshold === threshold)!
        expect({ classes, duplicates, labelled }, stderr).toEqual({
          classes: clustered['classes'],
          duplicates: clustered['duplicates'],
          labelled: clustered['labelled'],
        })
      }
    },
  )

  it('prints a table to stdout and talk to stderr', async () => {
    const table = inFolder('bridged')
    // Two persons of six rows, joined by their last and first.
    const ends = Array.from({ length: 11 }, (_, row) => row)
    await write(
      table,
      [
        {
          source: Uint32Array.from(ends),
          target: Uint32Array.from(ends, (row) => row + 1),
          similarity: Float32Array.from(ends, (row) => (row === 5 ? 0.55 : 0.8)),
        },
      ],
      { rows: 14, floor: 0.45, unusable: 1 },
    )
    const { status, stdout, stderr } = await facekit(['thresholds', table, '--step', '0.1'])
    expect(status, stderr).toBe(0)
    expect(stdout).toBe(`\
threshold  classes  singletons  largest  images/class  pairs joined
     0.45        2           1       12          6.50            66
     0.50        2           1       12          6.50            66  ← chains 1
     0.60        3           1        6          4.33            30
     0.70        3           1        6          4.33            30
     0.80        3           1        6          4.33            30
     0.90       13          13        1          1.00             0
     1.00       13          13        1          1.00             0
`)
    expect(stderr).toContain('14 images, 11 edges: 13 images in classes, 0 duplicates removed')
    expect(stderr).toContain('chains n: ')
    const quiet = await facekit(['thresholds', table, '--step', '0.1', '--quiet'])
    expect(quiet).toEqual({ status: 0, stdout, stderr: '' })
    const { thresholds, unusable } = await summaryOf(table, '--step', '0.1')
    expect(unusable).toBe(1)
    expect(thresholds[1]).toEqual({
      threshold: 0.5,
      classes: 2,
      singletons: 1,
      largest: 12,
      leaps: false,
      pairs: 66,
      chained: 1,
    })
  })

  it('finds the edges of cluster beside its labels', async () => {
    const labels = inFolder('with-edges')
    await facekit(['cluster', '--input', embeddings, '--output', labels, '--floor', '0.5'])
    const [beside, searched] = [await summaryOf(labels), await summaryOf(edges)]
    expect(beside).toEqual({ ...searched, seconds: beside.seconds })
  })

  it('takes edges of which there are none', async () => {
    await write(inFolder('none'), [], { rows: 2, floor: 0.7 })
    const { thresholds } = await summaryOf(inFolder('none'))
    expect(thresholds).toHaveLength(31)
    expect(thresholds[0]).toMatchObject({ classes: 2, singletons: 2, largest: 1, pairs: 0 })
    await write(inFolder('empty'), [], { rows: 0, floor: 0.7 })
    expect((await facekit(['thresholds', inFolder('empty')])).stdout).toContain(
      '     0.70        0           0        0          0.00             0\n',
    )
  })

  it('refuses a duplicate threshold below the edges, unless duplicates stay', async () => {
    const { status, stderr } = await facekit(['thresholds', edges, '--duplicate-thresh', '0.4'])
    expect(status).toBe(3)
    expect(stderr).toContain('they begin at a cosine of 0.5, and 0.4 is asked for')
    expect(stderr).toContain('[EDGES_OTHER]')
    await summaryOf(edges, '--duplicate-thresh', '0.4', '--no-remove-duplicates')
    await summaryOf(edges, '--duplicate-thresh', '0.5')
  })

  it.each(['0', '1.01', 'x', '0.0001'])('refuses --step %s', async (step) => {
    const { status, stdout, stderr } = await facekit(['thresholds', inFolder('nowhere'), '--step', step])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('--step')
    expect(stderr).toContain(step)
  })

  it('refuses a folder without edges, and edges that are not what was written', async () => {
    const none = await facekit(['thresholds', embeddings])
    expect([none.status, none.stdout]).toEqual([3, ''])
    expect(none.stderr).toContain(`${embeddings}`)
    expect(none.stderr).toContain('[EDGES_FOLDER]')

    const changed = inFolder('changed')
    cpSync(edges, changed, { recursive: true })
    appendFileSync(`${changed}/edges_0.parquet`, 'x')
    expect((await facekit(['thresholds', changed])).stderr).toContain('[EDGES_CHANGED]')
    rmSync(`${changed}/edges_0.parquet`)
    const missing = await facekit(['thresholds', changed])
    expect([missing.status, missing.stdout]).toEqual([3, ''])
    expect(missing.stderr).toContain('edges_0.parquet')
  })
})

describe('thresholds from a floor on', () => {
  it.each([
    [0.7, 0.1, [0.7, 0.8, 0.9, 1]],
    [0.7, 0.25, [0.7, 0.75, 1]],
    [0.95, 0.02, [0.95, 0.96, 0.98, 1]],
    [1, 0.1, [1]],
    [0.6, 0.3, [0.6, 0.9]],
    [-0.1, 0.5, [-0.1, 0, 0.5, 1]],
    [0.123_456_789, 0.5, [0.123_456_79, 0.5, 1]],
  ])('%f by %f', (floor, step, expected) => {
    expect(thresholdsFrom(Math.fround(floor), step)).toEqual(expected)
  })

  it('are the numbers that people write', () => {
    const fine = thresholdsFrom(-1, 0.001)
    expect(fine).toHaveLength(2001)
    expect(fine.every((threshold, i) => threshold === Number(((i - 1000) / 1000).toFixed(3)))).toBe(true)
  })
})

describe.skipIf(!existsSync(REAL_EMBEDDINGS))('real faces', () => {
  // The highest threshold at which a class holds two persons of five pictures or more.
  it.each([
    ['mobilefacenet-128', 0.56],
    ['faceplugin-512', 0.56],
    ['weak-128', 0.64],
  ])('under %s chain from %f downwards', async (model, highest) => {
    await search(`${REAL_EMBEDDINGS}${model}`, inFolder(model), '0.4')
    const { thresholds } = await summaryOf(inFolder(model))
    expect(thresholds.findLast(({ chained }) => chained > 0)?.threshold).toBe(highest)
  })
})
