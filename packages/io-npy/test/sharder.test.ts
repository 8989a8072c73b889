import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { PendingFiles, type EmbeddingBatch } from '@facekit/core'
import { describe, expect, it } from 'vitest'
import type { ShardOptions, ShardResult } from '../src/index.js'
import { openFileSet, openNpy, readEmbeddings, shardEmbeddings } from '../src/index.js'
import { embeddingBatch, listFolder, temporaryFolder } from './support.js'

const inFolder = temporaryFolder()
let folders = 0
const newFolder = () => inFolder(`out-${folders++}`)

/** Batches of these many rows, one after the other. */
function* batchesOf(sizes: readonly number[], dim = 4, normalized = false): Generator<EmbeddingBatch> {
  let start = 0
  for (const rows of sizes) {
    yield embeddingBatch(start, start + rows, dim, normalized)
    start += rows
  }
}

async function write(batches: Iterable<EmbeddingBatch>, options: ShardOptions): Promise<ShardResult> {
  const sharder = shardEmbeddings(options)
  const closed = new Promise((resolve) => sharder.once('close', resolve))
  // On an error the pipeline ends before the sharder has cleaned up.
  await pipeline(Readable.from(batches, { highWaterMark: 1 }), sharder).finally(() => closed)
  return sharder.result
}

/** Checks that the folder holds rows 0 to `rows`; returns the rows per shard. */
async function checkRows(folder: string, rows: number, dim = 4): Promise<number[]> {
  const set = await openFileSet(folder)
  expect(set.rows).toBe(rows)
  let next = 0
  for await (const batch of readEmbeddings(set, { batchRows: 7 })) {
    expect(batch).toEqual(embeddingBatch(next, next + batch.paths.length, dim, set.normalized))
    next += batch.paths.length
  }
  expect(next).toBe(rows)
  return set.shards.map((shard) => shard.rows)
}

describe('shardEmbeddings', () => {
  it.each([
    ['fewer than', [3, 4]],
    ['as many as', [5, 5]],
  ])('merges when there are %s splitThreshold rows', async (_how, sizes) => {
    const output = newFolder()
    const rows = sizes[0]! + sizes[1]!
    expect(await write(batchesOf(sizes), { output, splitThreshold: 10 })).toEqual({
      files: ['final_fpaths.npy', 'final_indices.npy', 'final_embs.npy'],
      rows,
      dim: 4,
      removed: [],
      kept: [],
    })
    expect(await checkRows(output, rows)).toEqual([rows])
    expect(await listFolder(output)).toEqual(['final_embs.npy', 'final_fpaths.npy', 'final_indices.npy'])
  })

  it.each([
    [[11], [10, 1]],
    [[25], [10, 10, 5]],
    [
      [4, 4, 4, 4, 4],
      [10, 10],
    ],
    [
      [1, 0, 22, 3],
      [10, 10, 6],
    ],
  ])('splits batches of %j rows into shards of %j', async (sizes, shards) => {
    const output = newFolder()
    const rows = sizes.reduce((sum, size) => sum + size, 0)
    const { files } = await write(batchesOf(sizes), { output, splitThreshold: 10 })
    expect(files).toEqual(shards.flatMap((_, i) => [`fpaths_${i}.npy`, `indices_${i}.npy`, `embs_${i}.npy`]))
    expect(await checkRows(output, rows)).toEqual(shards)
    expect(await listFolder(output)).toEqual(files.toSorted())
  })

  it('numbers a single set too without merging', async () => {
    const output = newFolder()
    await write(batchesOf([3, 1], 4, true), { output, merge: false, splitThreshold: 10 })
    expect(await checkRows(output, 4)).toEqual([4])
    expect(await listFolder(output)).toEqual(['embs_norm_0.npy', 'fpaths_0.npy', 'indices_0.npy'])
  })

  it('puts _norm into the name exactly when the rows are normalised', async () => {
    const output = newFolder()
    const { files } = await write(batchesOf([3], 4, true), { output })
    expect(files).toContain('final_embs_norm.npy')
    expect((await openFileSet(output)).normalized).toBe(true)
  })

  it('gives each shard the width of its own longest path', async () => {
    const output = newFolder()
    const batch = embeddingBatch(0, 4, 2)
    batch.paths = ['a', '😀😀😀', 'b'.repeat(500), '']
    await write([batch], { output, splitThreshold: 2 })
    const descrs: string[] = []
    for (const i of [0, 1]) {
      const npy = await openNpy(join(output, `fpaths_${i}.npy`))
      descrs.push(npy.dtype.descr, ...(await npy.readStrings()))
      await npy.close()
    }
    expect(descrs).toEqual(['<U3', 'a', '😀😀😀', '<U500', 'b'.repeat(500), ''])
  })

  it.each<[string, Partial<ShardOptions>, string, number[]]>([
    ['', {}, 'final_embs', [0, 0]],
    [' with the dim that was given', { dim: 512, normalized: true }, 'final_embs_norm', [0, 512]],
    [' without merging', { merge: false, dim: 8 }, 'embs_0', [0, 8]],
  ])('writes zero rows%s', async (_how, options, name, shape) => {
    const output = newFolder()
    const { rows } = await write([], { output, ...options })
    expect(rows).toBe(0)
    expect(await checkRows(output, 0)).toEqual([0])
    const npy = await openNpy(join(output, `${name}.npy`))
    expect(npy.shape).toEqual(shape)
    await npy.close()
  })

  it('replaces an older set whole, says what else it removed, and touches nothing else', async () => {
    const output = newFolder()
    await write(batchesOf([35], 4, true), { output, splitThreshold: 10 })
    await writeFile(join(output, 'notes.txt'), 'mine')
    await writeFile(join(output, 'my_embs_1.npy'), 'mine')
    const numbered = await write(batchesOf([15], 4, true), { output, splitThreshold: 10 })
    expect(numbered.removed).toEqual(
      ['embs_norm_2', 'embs_norm_3', 'fpaths_2', 'fpaths_3', 'indices_2', 'indices_3'].map(
        (name) => `${name}.npy`,
      ),
    )
    expect(await checkRows(output, 15)).toEqual([10, 5])
    const merged = await write(batchesOf([5]), { output })
    expect(merged.removed).toHaveLength(6)
    expect(await checkRows(output, 5)).toEqual([5])
    expect(await listFolder(output)).toEqual([
      'final_embs.npy',
      'final_fpaths.npy',
      'final_indices.npy',
      'my_embs_1.npy',
      'notes.txt',
    ])
  })

  it.each([
    ['embs_0.npy', 'file'],
    ['embs_norm_1700000000.npy', 'file'],
    ['final_embs.npy', 'file'],
    ['indices_9.npy', 'folder'],
  ] as const)('stops where it would be mixed up with %s, which it did not make', async (name, kind) => {
    const output = newFolder()
    await write(batchesOf([35]), { output, splitThreshold: 10, merge: false })
    await rm(join(output, name), { force: true })
    if (kind === 'folder') await mkdir(join(output, name))
    else await writeFile(join(output, name), 'mine')
    const before = await listFolder(output)
    await expect(write(batchesOf([5]), { output })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining(join(output, name)) as string,
    })
    expect(await listFolder(output)).toEqual(before)
  })

  it('appears together with the files that it is put beside', async () => {
    const output = newFolder()
    const pending = await PendingFiles.in(output, 'embeddings')
    await writeFile(pending.path('failed.ndjson'), 'beside')
    await write(batchesOf([5]), { output: pending })
    expect(await listFolder(output)).toEqual([
      'failed.ndjson',
      'final_embs.npy',
      'final_fpaths.npy',
      'final_indices.npy',
    ])
  })

  it('shows nothing until it has finished', async () => {
    const output = newFolder()
    const sharder = shardEmbeddings({ output, splitThreshold: 10 })
    for (const batch of batchesOf([8, 8, 8])) await new Promise((resolve) => sharder.write(batch, resolve))
    expect((await listFolder(output)).filter((name) => !name.startsWith('.facekit-'))).toEqual([])
    expect(() => sharder.result).toThrow(/after the stream has finished/)
    sharder.end()
    await new Promise((resolve) => sharder.on('close', resolve))
    expect(await checkRows(output, 24)).toEqual([10, 10, 4])
  })

  it.each([0, 1, 5, 20])(
    'leaves the older set and no scratch when destroyed after %i ms',
    async (delayMs) => {
      const output = newFolder()
      await write(batchesOf([5]), { output })
      const before = await readFile(join(output, 'final_embs.npy'))
      const sharder = shardEmbeddings({ output, splitThreshold: 10 })
      const source = Readable.from(endless(), { highWaterMark: 1 })
      const done = pipeline(source, sharder)
      await Promise.all([
        expect(done).rejects.toThrow('stop'),
        sleep(delayMs).then(() => sharder.destroy(new Error('stop'))),
      ])
      if (!sharder.closed) await new Promise((resolve) => sharder.on('close', resolve))
      expect(source.destroyed).toBe(true)
      expect(await listFolder(output)).toEqual(['final_embs.npy', 'final_fpaths.npy', 'final_indices.npy'])
      expect(await readFile(join(output, 'final_embs.npy'))).toEqual(before)
    },
  )

  it('holds two batches at most when the source is faster than the disk', async () => {
    const sharder = shardEmbeddings({ output: newFolder() })
    let most = 0
    const source = Readable.from(
      (function* () {
        for (const batch of batchesOf(Array.from({ length: 50 }, () => 100))) {
          most = Math.max(most, sharder.writableLength)
          yield batch
        }
      })(),
      { highWaterMark: 1 },
    )
    await pipeline(source, sharder)
    expect(sharder.result.rows).toBe(5000)
    // One being written, one waiting.
    expect(most).toBeLessThanOrEqual(2)
  })

  it.each<[string, EmbeddingBatch[], RegExp]>([
    ['another dim', [embeddingBatch(0, 2, 4), embeddingBatch(2, 4, 5)], /got a batch of dim 5, expected 4/],
    [
      'normalised rows',
      [embeddingBatch(0, 2, 4), embeddingBatch(2, 4, 4, true)],
      /normalized: true, expected .*not L2/,
    ],
    [
      'fewer paths',
      [{ ...embeddingBatch(0, 2, 4), paths: ['a'] }],
      /1 paths, 2 indices and 8 values of dim 4/,
    ],
  ])('refuses a batch with %s', async (_what, batches, said) => {
    const output = newFolder()
    await expect(write(batches, { output })).rejects.toMatchObject({
      code: 'NPY_BATCH',
      message: expect.stringMatching(said),
    })
    expect(existsSync(output)).toBe(false)
  })

  it('refuses a batch of another dim than the option says', async () => {
    await expect(write(batchesOf([2]), { output: newFolder(), dim: 5 })).rejects.toThrow(/dim 4, expected 5/)
  })

  it('says so when the output cannot be a folder', async () => {
    const file = inFolder('a-file')
    await writeFile(file, '')
    await expect(write(batchesOf([2]), { output: file })).rejects.toThrow(/a-file/)
  })

  it('checks its options at once', () => {
    expect(() => shardEmbeddings({ output: '' })).toThrow(/a folder for output/)
    expect(() => shardEmbeddings({ output: 'x', splitThreshold: 0 })).toThrow(
      /positive integer for splitThreshold/,
    )
    expect(() => shardEmbeddings({ output: 'x', dim: -1 })).toThrow(/positive integer for dim/)
  })
})

function* endless(): Generator<EmbeddingBatch> {
  for (let start = 0; ; start += 50) yield embeddingBatch(start, start + 50, 16)
}
