import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { EmbeddingBatch } from '@facekit/core'
import { shardEmbeddings } from '@facekit/io-npy'
import { rounds, seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ClusterSummary } from '../src/index.js'
import { shareMemory } from '../src/memory.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { writePeople } from './people.js'
import { builtFacekit, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const MIB = 2 ** 20

/** 6000 × 6000 pixels. */
const BLANK_WEBP = Buffer.from('UklGRh4AAABXRUJQVlA4TBIAAAAvb9fbBYiICAAAAAAAAAAAAAA=', 'base64')

/** What the program may take beside the limit. */
const PROGRAM_BYTES = 300e6

const clusterArgs = (input: string, ...more: string[]) =>
  [
    'cluster',
    '--input',
    input,
    '--output',
    inFolder('labels'),
    '--save_groups',
    '0',
    '--no-keep-edges',
    '--json',
  ].concat(more)

/** In a process of its own, whose memory is looked at. */
async function cluster(
  input: string,
  ...more: string[]
): Promise<{ summary: ClusterSummary; stderr: string }> {
  const { status, stdout, stderr } = await builtFacekit(clusterArgs(input, ...more))
  expect(status, stderr).toBe(0)
  return { summary: JSON.parse(stdout) as ClusterSummary, stderr }
}

const STRANGERS = ['--cluster_thresh', '0.999', '--duplicate_thresh', '0.999']

/** Random directions, none near another. */
async function writeStrangers(folder: string, rows: number, dim: number): Promise<void> {
  const random = seededRandom(3)
  function* batches(): Generator<EmbeddingBatch> {
    for (let start = 0; start < rows; start += 10_000) {
      const indices = Uint32Array.from({ length: Math.min(10_000, rows - start) }, (_, i) => start + i)
      const embeddings = Float32Array.from({ length: dim * indices.length }, () => random() - 0.5)
      yield { indices, paths: Array.from(indices, (row) => `${row}.jpg`), embeddings, dim, normalized: false }
    }
  }
  await pipeline(Readable.from(batches()), shardEmbeddings({ output: folder }))
}

describe('cluster stays within --memory-limit and 300 MB', () => {
  it('where embeddings are long, and finds all there is', async () => {
    const input = inFolder('people')
    // 400 MiB of embeddings, more than all that may be taken, and up to 100 of codes.
    await writePeople(input, 12_800, 8192)
    const { summary } = await cluster(input, '--memory-limit', '64MiB')
    rmSync(input, { recursive: true })
    expect(summary.peakMemoryBytes).toBeLessThan(64 * MIB + PROGRAM_BYTES)
    expect(summary).toMatchObject({ classes: 2560, duplicates: 256, labelled: 12_544 })
  }, 180_000)

  it('where there are many rows', async () => {
    const input = inFolder('strangers')
    const rows = rounds(60_000, 300_000)
    await writeStrangers(input, rows, 16)
    const limit = 64 + Math.ceil((33 * rows) / MIB)
    const { summary } = await cluster(input, '--memory-limit', `${limit}MiB`, ...STRANGERS)
    rmSync(input, { recursive: true })
    expect(summary.peakMemoryBytes).toBeLessThan(limit * MIB + PROGRAM_BYTES)
    expect(summary).toMatchObject({ classes: rows, labelled: rows })
  }, 1_800_000)

  it('where there are millions of rows, none of which is searched', async () => {
    const input = inFolder('millions')
    const rows = 2_000_000
    await writeStrangers(input, rows, 16)
    // Of such lists, of a row alone, no pair is an edge.
    const { summary } = await cluster(input, '--memory-limit', '96MiB', '--topK', '1')
    rmSync(input, { recursive: true })
    expect(summary.peakMemoryBytes).toBeLessThan(96 * MIB + PROGRAM_BYTES)
    expect(summary).toMatchObject({ classes: rows, labelled: rows })
  }, 600_000)

  it('where as many classes as there can be keep their names', async () => {
    const input = inFolder('names')
    const rows = rounds(200_000, 2_000_000)
    await writeStrangers(input, rows, 16)
    const args = ['--memory-limit', '96MiB', '--topK', '1']
    await cluster(input, ...args)
    const { summary } = await cluster(input, ...args, '--keep-names')
    rmSync(input, { recursive: true })
    expect(summary.peakMemoryBytes).toBeLessThan(96 * MIB + PROGRAM_BYTES)
    expect(summary.changes).toEqual({ kept: rows, merged: 0, split: 0, new: 0 })
  }, 1_200_000)

  describe('with many threads', () => {
    const input = inFolder('people-for-threads')
    beforeAll(() => writePeople(input, 20_000, 512))

    it('which it takes where there is room', async () => {
      const { summary, stderr } = await cluster(input, '--memory-limit', '400MiB', '--threads', '8')
      expect(stderr).not.toContain('no room')
      expect(summary.peakMemoryBytes).toBeLessThan(400 * MIB + PROGRAM_BYTES)
      expect(summary.classes).toBe(4000)
    }, 120_000)

    it('or fewer, and says so', async () => {
      const { summary, stderr } = await cluster(input, '--memory-limit', '110MiB', '--threads', '32')
      expect(stderr).toContain('Searching with 3 of 32 threads: --memory-limit has no room for more\n')
      expect(summary.peakMemoryBytes).toBeLessThan(110 * MIB + PROGRAM_BYTES)
      expect(summary.classes).toBe(4000)
    }, 120_000)
  })
})

describe('cluster --memory-limit', () => {
  it('goes for previews, too', async () => {
    const album = inFolder('album')
    drawAlbum(album, 2, 4)
    writeBlockModel(inFolder('blocks.onnx'))
    const embeddings = inFolder('embeddings')
    const extract = [
      'extract',
      '--input',
      album,
      '--weights',
      inFolder('blocks.onnx'),
      '--output',
      embeddings,
    ]
    expect((await facekit(extract)).status).toBe(0)
    // From now on all pictures but one take 300 MB.
    const [kept, ...others] = readdirSync(album, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.bmp'))
      .sort()
    for (const name of others) writeFileSync(join(album, name), BLANK_WEBP)

    const args = ['cluster', '--input', embeddings, '--output', inFolder('previews'), '--json']
    const duplicatesToo = ['--no-remove_duplicates', '--cluster_thresh', '-1', '--memory-limit', '64MiB']
    const { status, stdout, stderr } = await builtFacekit([...args, ...duplicatesToo])
    expect(status, stderr).toBe(0)
    const { peakMemoryBytes, failedPreviews } = JSON.parse(stdout) as ClusterSummary
    expect(failedPreviews).toBe(others.length)
    expect(stderr).toContain('Left out of the previews: 7 images that cannot be read, or not in')
    expect(readdirSync(inFolder('previews', 'group_0000'))).toEqual([
      expect.stringMatching(new RegExp(`^\\d\\d_a?typical_${basename(kept!, '.bmp')}\\.jpg$`)),
    ])
    expect(peakMemoryBytes).toBeLessThan((64 + 300) * MIB)
  })
})

/** Writes a file set that has its headers and no more: the rest is a hole, which takes no disk. */
function writeHollow(folder: string, rows: number): void {
  mkdirSync(folder)
  const write = (name: string, descr: string, shape: string, bytes: number) => {
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + '\n'
    const file = join(folder, name)
    writeFileSync(
      file,
      Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(header)]),
    )
    truncateSync(file, 128 + bytes)
  }
  write('final_fpaths.npy', '<U1', `(${rows},)`, 4 * rows)
  write('final_embs.npy', '<f4', `(${rows}, 1)`, 4 * rows)
}

describe('cluster refuses', () => {
  it('a limit that it could not keep, with the one that it needs', async () => {
    const input = inFolder('hollow')
    writeHollow(input, 10_000_000)
    const refused = await facekit(clusterArgs(input, '--memory-limit', '200MB'))
    const needed =
      /at least (\d+)MiB for 10000000 embeddings of 1 numbers but it is 191MiB.*\[MEMORY_LIMIT\]\n$/
    expect(refused.stderr).toMatch(needed)
    expect(refused.status).toBe(3)
    const least = Number(needed.exec(refused.stderr)![1]) * MIB
    expect(shareMemory(least, { rows: 10_000_000, dim: 1, threads: 8 }).threads).toBe(1)
    expect(least).toBeLessThan(10_000_000 * 33 + 64 * MIB)
  })

  it('more rows than it can number', async () => {
    const input = inFolder('hollow-beyond')
    writeHollow(input, 2 ** 31)
    const { status, stderr } = await facekit(clusterArgs(input))
    expect(stderr).toMatch(/Expected at most 2147483647 embeddings but got 2147483648.*\[ROWS\]\n$/)
    expect(status).toBe(3)
  })

  it.each(['a lot', '12', '-1GB', '4 parsecs'])('the limit %s', async (size) => {
    const { status, stderr } = await facekit(['cluster', `--memory-limit=${size}`])
    expect([status, stderr]).toEqual([2, expect.stringContaining('Expected a size such as 4GB')])
  })

  it('no threads', async () => {
    const { status, stderr } = await facekit(['cluster', '--threads=0'])
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('Expected a whole number from 1 for --threads'),
    ])
  })
})

describe('shareMemory', () => {
  it.each([
    [1_000, 8],
    [1_000_000, 8],
    [127_000_000, 64],
  ])('gives out no more than the limit, of %i rows and %i threads', (rows, threads) => {
    const shape = { rows, dim: 512, threads }
    const limit = 2 * (rows * 33 + threads * 50 * MIB)
    const { gallery, pairs, threads: used } = shareMemory(limit, shape)
    expect(used).toBe(threads)
    expect(gallery + pairs + rows * 33).toBeLessThan(limit)
  })

  it('gives half of a small machine to a million faces', () => {
    expect(shareMemory(2 * 2 ** 30, { rows: 1_000_000, dim: 512, threads: 8 }).threads).toBe(8)
  })
})

describe('extract --decode-memory', () => {
  it('has one large picture decoded at a time', async () => {
    const album = inFolder('large')
    mkdirSync(album)
    for (let i = 0; i < 4; i++) writeFileSync(join(album, `${i}.webp`), BLANK_WEBP)
    const model = inFolder('blocks.onnx')
    writeBlockModel(model)
    const args = ['extract', '--input', album, '--weights', model, '--output', inFolder('few')]
    const told = "process.once('exit',()=>console.error('peak '+process.resourceUsage().maxRSS))"
    const { status, stderr } = await builtFacekit(
      [...args, '--num-workers', '4', '--decode-memory', '64MiB', '--quiet'],
      { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(told)}` } },
    )
    expect(status, stderr).toBe(0)
    const peakBytes = Math.max(...[...stderr.matchAll(/peak (\d+)/g)].map(([, kib]) => Number(kib) * 1024))
    // One takes 300 MB, two would take 600.
    expect(peakBytes).toBeLessThan(550 * MIB)
    expect(peakBytes).toBeGreaterThan(100 * MIB)
  }, 120_000)

  it('refuses what is no size', async () => {
    const { status, stderr } = await facekit(['extract', '--weights', 'w', '--decode-memory=12'])
    expect([status, stderr]).toEqual([2, expect.stringContaining('for --decode-memory but received 12')])
  })
})
