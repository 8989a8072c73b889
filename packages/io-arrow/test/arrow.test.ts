import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import type { EmbeddingBatch } from '@facekit/core'
import { tableFromIPC, tableToIPC, tableFromArrays } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { readArrow, writeArrow } from '../src/index.js'

function batchOf(start: number, rows: number, dim = 4): EmbeddingBatch {
  return {
    indices: Uint32Array.from({ length: rows }, (_, i) => start + i),
    paths: Array.from({ length: rows }, (_, i) => `faces/größe 😀/${start + i}.jpg`),
    embeddings: Float32Array.from({ length: rows * dim }, (_, i) => (start + i) / 7),
    dim,
    normalized: true,
  }
}

const METADATA = { dim: 4, normalized: true, modelHash: 'c0ffee' }

async function bytesOf(batches: EmbeddingBatch[]): Promise<Buffer> {
  const chunks = await Readable.from(batches).pipe(writeArrow(METADATA)).toArray()
  return Buffer.concat(chunks as Uint8Array[])
}

async function batchesFrom(bytes: Uint8Array, chunkBytes = bytes.length || 1): Promise<EmbeddingBatch[]> {
  const chunks = function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
  return (await readArrow(Readable.from(chunks())).toArray()) as EmbeddingBatch[]
}

describe('writeArrow', () => {
  it('writes what any Arrow reader reads, with the model in the metadata', async () => {
    const table = tableFromIPC(await bytesOf([batchOf(0, 3), batchOf(3, 2)]))
    expect(table.schema.fields.map(String)).toEqual([
      'index: Uint32',
      'path: Utf8',
      'embedding: FixedSizeList[4]<Float32>',
    ])
    expect(Object.fromEntries(table.schema.metadata)).toEqual({
      'facekit.dim': '4',
      'facekit.normalized': 'true',
      'facekit.model_sha256': 'c0ffee',
    })
    expect([...table.getChild('index')!]).toEqual([0, 1, 2, 3, 4])
    expect(table.getChild('path')!.get(4)).toBe('faces/größe 😀/4.jpg')
    expect([...table.getChild('embedding')!.get(1)]).toEqual([4, 5, 6, 7].map((x) => Math.fround(x / 7)))
  })

  it('writes no end marker when its source fails', async () => {
    const source = new Readable({ objectMode: true, read() {} })
    const stage = writeArrow(METADATA)
    const chunks: Uint8Array[] = []
    stage.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    stage.on('error', () => {})
    source.on('error', (error) => stage.destroy(error)).pipe(stage)
    source.push(batchOf(0, 3))
    await new Promise((resolve) => setTimeout(resolve, 20))
    source.destroy(new Error('disk on fire'))
    await new Promise((resolve) => stage.once('close', resolve))
    await expect(batchesFrom(Buffer.concat(chunks))).rejects.toMatchObject({ code: 'ARROW_TRUNCATED' })
  })
})

describe('readArrow', () => {
  it('reads back what was written, however the bytes are cut', async () => {
    const batches = [batchOf(0, 3), batchOf(3, 5)]
    const bytes = await bytesOf(batches)
    for (const chunkBytes of [1, 3, 7, 64, 1000, bytes.length]) {
      expect(await batchesFrom(bytes, chunkBytes)).toEqual(batches)
    }
  })

  it('reads from a stream without rows what rows it could have had', async () => {
    expect(await batchesFrom(await bytesOf([]))).toEqual([batchOf(0, 0)])
    const other = tableToIPC(tableFromArrays({ index: Int32Array.of() }), 'stream')
    await expect(batchesFrom(other)).rejects.toMatchObject({ code: 'ARROW_SCHEMA' })
  })

  it('takes a stream that is cut anywhere for truncated, also between two messages', async () => {
    const bytes = await bytesOf([batchOf(0, 3), batchOf(3, 2)])
    for (let length = 0; length < bytes.length; length++) {
      await expect(batchesFrom(bytes.subarray(0, length)), `cut at ${length}`).rejects.toMatchObject({
        code: 'ARROW_TRUNCATED',
        message: expect.stringContaining('stdin'),
      })
    }
  })

  it('refuses what follows the end', async () => {
    const bytes = await bytesOf([batchOf(0, 3)])
    await expect(batchesFrom(Buffer.concat([bytes, bytes]))).rejects.toMatchObject({ code: 'ARROW_INVALID' })
  })

  it('refuses bytes that are no Arrow stream', async () => {
    const endOnly = (await bytesOf([])).subarray(-8)
    await expect(batchesFrom(endOnly)).rejects.toMatchObject({ code: 'ARROW_INVALID' })
    for (const text of ['facekit: no such file\n', 'PAR1 and more of it', '\x93NUMPY\x01\x00 and so on']) {
      await expect(batchesFrom(Buffer.from(text))).rejects.toMatchObject({ code: 'ARROW_INVALID' })
    }
  })

  it('refuses a damaged end marker', async () => {
    const bytes = await bytesOf([batchOf(0, 3)])
    for (let back = 1; back <= 8; back++) {
      const damaged = Buffer.from(bytes)
      damaged[damaged.length - back]! ^= 0x55
      await expect(batchesFrom(damaged)).rejects.toMatchObject({ code: expect.stringMatching(/^ARROW_/) })
    }
  })

  it('refuses other columns and says which came', async () => {
    const bytes = tableToIPC(tableFromArrays({ index: Int32Array.of(1, 2), name: ['a', 'b'] }), 'stream')
    await expect(batchesFrom(bytes)).rejects.toMatchObject({
      code: 'ARROW_SCHEMA',
      message: expect.stringContaining('index: Int32'),
    })
  })

  it('closes at once when it is destroyed, and its source with it, also while that is silent', async () => {
    const source = new PassThrough()
    source.write((await bytesOf([batchOf(0, 3), batchOf(3, 2)])).subarray(0, 900))
    const batches = readArrow(source)
    await once(batches.resume(), 'data')
    batches.destroy()
    await once(batches, 'close')
    expect(source.destroyed).toBe(true)
  })

  it('stops reading its source when the consumer leaves', async () => {
    const bytes = await bytesOf([batchOf(0, 3), batchOf(3, 2), batchOf(5, 2)])
    const source = Readable.from([bytes.subarray(0, 900), bytes.subarray(900)])
    const closed = new Promise((resolve) => source.once('close', resolve))
    for await (const _batch of readArrow(source)) break
    await closed
  })
})

const pyarrow = spawnSync('python3', ['-c', 'import pyarrow']).status === 0

describe.skipIf(!pyarrow)('with pyarrow', () => {
  it('is read by it', async () => {
    const script =
      'import sys, pyarrow as pa; t = pa.ipc.open_stream(sys.stdin.buffer).read_all(); print(t.num_rows, t["path"][4])'
    const bytes = await bytesOf([batchOf(0, 3), batchOf(3, 2)])
    const { stdout } = spawnSync('python3', ['-c', script], { input: bytes, encoding: 'utf8' })
    expect(stdout.trim()).toBe('5 faces/größe 😀/4.jpg')
  })
})
