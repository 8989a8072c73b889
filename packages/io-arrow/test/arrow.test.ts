import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import {
  Binary,
  Bool,
  DenseUnion,
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Int16,
  Int32,
  Int64,
  Int8,
  LargeUtf8,
  List,
  makeData,
  Null,
  SparseUnion,
  Struct,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  TimestampMillisecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  vectorFromArray,
  type Data,
  type DataType,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { readArrow, writeArrow } from '../src/index.js'
import { batchesFrom, batchOf, bytesOf, streamOf } from './streams.js'

function columnOf(values: readonly unknown[], type: DataType): Data {
  return vectorFromArray(values, type).data[0]!
}

function unionOf(Union: typeof SparseUnion | typeof DenseUnion): Data {
  const type = new Union([0, 1], [new Field('a', new Int32()), new Field('b', new Utf8())])
  const children = [columnOf([1, 2, 3], new Int32()), columnOf(['x', 'y', 'z'], new Utf8())]
  const [typeIds, valueOffsets] = [Int8Array.of(0, 1, 0), Int32Array.of(0, 1, 2)]
  return makeData({ type, length: 3, typeIds, valueOffsets, children })
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
    const stage = writeArrow({ dim: 4, normalized: true, modelHash: 'c0ffee' })
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

  it('finds its columns among others of every type, whichever integers and characters they are of', async () => {
    const indices = [3, 1, 2]
    const paths = ['ä', '', 'c']
    const integers = [new Int8(), new Int16(), new Int32(), new Int64()]
    const naturals = [new Uint8(), new Uint16(), new Uint32(), new Uint64()]
    for (const type of [...integers, ...naturals]) {
      for (const characters of [new Utf8(), new LargeUtf8()]) {
        const bytes = streamOf(
          {
            nothing: makeData({ type: new Null(), length: 3 }),
            words: columnOf(['x', 'y', 'x'], new Dictionary(new Utf8(), new Int32())),
            path: columnOf(paths, characters),
            lists: columnOf([['x'], [], ['y', 'z']], new List(new Field('item', new Utf8()))),
            either: unionOf(SparseUnion),
            index: columnOf(type.bitWidth === 64 ? indices.map(BigInt) : indices, type),
            or: unionOf(DenseUnion),
            record: columnOf([{ a: 1 }, { a: 2 }, { a: 3 }], new Struct([new Field('a', new Int32())])),
            bytes: columnOf([Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2)], new Binary()),
            yes: columnOf([true, false, true], new Bool()),
            embedding: columnOf(
              [
                [1, 0],
                [0, 1],
                [1, 0],
              ],
              new FixedSizeList(2, new Field('item', new Float32())),
            ),
            time: columnOf([1, 2, 3], new TimestampMillisecond()),
          },
          3,
        )
        expect(await batchesFrom(bytes), `${type}, ${characters}`).toEqual([
          {
            indices: Uint32Array.from(indices),
            paths,
            embeddings: Float32Array.of(1, 0, 0, 1, 1, 0),
            dim: 2,
            normalized: true,
          },
        ])
      }
    }
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

  // Types of which apache-arrow has none, and streams as they were before 2020.
  it.each(['V4', 'V5'])('is understood, metadata %s', async (version) => {
    const script = `
import sys, pyarrow as pa
columns = {
  'views': pa.array(['a', 'b' * 40, None, 'c' * 50], pa.string_view()),
  'nothing': pa.nulls(4),
  'index': pa.array([0, 1, 2, 3]),
  'lists': pa.array([[1, 2]] * 4, pa.list_view(pa.int32())),
  'deep': pa.array([{'a': ['x' * 20]}] * 4, pa.struct([('a', pa.large_list(pa.string_view()))])),
  'runs': pa.RunEndEncodedArray.from_arrays(pa.array([2, 4], pa.int32()), pa.array(['u', 'v'])),
  'map': pa.array([[('k', 1)]] * 4, pa.map_(pa.string(), pa.int32())),
  'path': pa.array(['p', 'ä', '', 's'], pa.large_string()),
  'union': pa.UnionArray.from_sparse(pa.array([0] * 4, pa.int8()), [pa.array([1] * 4), pa.array(['s'] * 4)]),
  'words': pa.array(['x', 'y', 'x', 'y']).dictionary_encode(),
  'embedding': pa.FixedSizeListArray.from_arrays(pa.array(range(8), pa.float32()), 2),
}
table = pa.table(columns).slice(1)
options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.${version})
with pa.ipc.new_stream(sys.stdout.buffer, table.schema, options=options) as writer:
  writer.write_table(table, max_chunksize=2)`
    const { stdout, stderr } = spawnSync('python3', ['-c', script])
    const batch = { dim: 2, normalized: false }
    expect(await batchesFrom(stdout), String(stderr)).toEqual([
      { ...batch, indices: Uint32Array.of(1, 2), paths: ['ä', ''], embeddings: Float32Array.of(2, 3, 4, 5) },
      { ...batch, indices: Uint32Array.of(3), paths: ['s'], embeddings: Float32Array.of(6, 7) },
    ])
  })

  it('is told when it compressed a stream', async () => {
    const script = `
import sys, pyarrow as pa
embedding = pa.FixedSizeListArray.from_arrays(pa.array(range(8), pa.float32()), 2)
table = pa.table({'index': pa.array(range(4)), 'path': pa.array(['p'] * 4), 'embedding': embedding})
options = pa.ipc.IpcWriteOptions(compression='lz4')
with pa.ipc.new_stream(sys.stdout.buffer, table.schema, options=options) as writer:
  writer.write_table(table)`
    const { stdout } = spawnSync('python3', ['-c', script])
    await expect(batchesFrom(stdout)).rejects.toMatchObject({ code: 'ARROW_UNSUPPORTED' })
  })
})
