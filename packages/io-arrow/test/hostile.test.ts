import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { EmbeddingBatch } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import {
  Field,
  FixedSizeList,
  Float32,
  Int32,
  Int64,
  LargeUtf8,
  List,
  makeData,
  tableFromArrays,
  tableToIPC,
  Uint32,
  Uint64,
  Utf8,
  vectorFromArray,
  type Data,
  type DataType,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { ArrowError, readArrow } from '../src/index.js'
import { batchesFrom, batchOf, bytesOf, streamOf } from './streams.js'

const CODES = ['ARROW_INVALID', 'ARROW_SCHEMA', 'ARROW_INDEX', 'ARROW_UNSUPPORTED', 'ARROW_TRUNCATED']

/** Reads a stream that may be damaged: whatever it says, what comes is batches that its bytes have room for, or an error. */
async function expectBatchesOrError(bytes: Uint8Array, what: string): Promise<'batches' | 'error'> {
  const outcome = await batchesFrom(bytes).catch((error: unknown) => error)
  if (!Array.isArray(outcome)) {
    expect(outcome, what).toBeInstanceOf(ArrowError)
    expect(CODES, what).toContain((outcome as ArrowError).code)
    return 'error'
  }
  let rows = 0
  for (const { indices, paths, embeddings, dim } of outcome as EmbeddingBatch[]) {
    expect([paths.length, embeddings.length], what).toEqual([indices.length, indices.length * dim])
    expect(embeddings.byteLength, what).toBeLessThanOrEqual(bytes.length)
    rows += indices.length
  }
  expect(rows, what).toBeLessThanOrEqual(bytes.length)
  return 'batches'
}

/** Values that lengths, counts, offsets and types do not have. */
const EXTREMES = [
  0n,
  1n,
  -1n,
  3n,
  255n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 53n,
  1n << 62n,
  -(1n << 63n),
]

function overwrite(bytes: Uint8Array, at: number, value: bigint, size: 4 | 8): Buffer {
  const damaged = Buffer.from(bytes)
  if (size === 4) damaged.writeInt32LE(Number(BigInt.asIntN(32, value)), at)
  else damaged.writeBigInt64LE(value, at)
  return damaged
}

const EMBEDDINGS = makeData({
  type: new FixedSizeList(2, new Field('item', new Float32(), false)),
  length: 3,
  nullCount: 0,
  child: makeData({ type: new Float32(), data: Float32Array.of(1, 0, 0, 1, 1, 0) }),
})
const INDICES = makeData({ type: new Uint32(), data: Uint32Array.of(7, 8, 9) })
const PATHS = vectorFromArray(['a', 'b', 'c'], new Utf8()).data[0]!

/** Three rows; columns can be others, or more. */
function threeRows(columns: Readonly<Record<string, Data>> = {}): Uint8Array {
  return streamOf({ index: INDICES, path: PATHS, embedding: EMBEDDINGS, ...columns }, 3)
}

describe('a damaged stream', () => {
  it('gives batches or an error, whichever word of its messages is overwritten', async () => {
    const bytes = await bytesOf([batchOf(0, 3)])
    let refused = 0
    for (let at = 0; at + 8 <= bytes.length; at += 4) {
      for (const value of EXTREMES) {
        for (const size of [4, 8] as const) {
          const what = `${value} in ${size} bytes at ${at}`
          if ((await expectBatchesOrError(overwrite(bytes, at, value, size), what)) === 'error') refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(1000)
  })

  it('gives batches or an error, however it was damaged', async () => {
    const streams = [
      await bytesOf([batchOf(0, 3), batchOf(3, 2)]),
      await bytesOf([batchOf(9, 40, 16)], 16),
      await bytesOf([]),
      threeRows({ index: vectorFromArray([1n, 2n, 3n], new Int64()).data[0]! }),
      threeRows({ path: vectorFromArray(['ä', 'b', ''], new LargeUtf8()).data[0]! }),
      // Dictionaries, and columns that are not read.
      tableToIPC(tableFromArrays({ index: Int32Array.of(1, 2), name: ['a', 'b'] }), 'stream'),
      threeRows({
        more: vectorFromArray([['x'], [], ['y', 'z']], new List(new Field('item', new Utf8()))).data[0]!,
      }),
    ]
    const random = seededRandom(1)
    const below = (limit: number) => Math.floor(random() * limit)
    const word = (bytes: Buffer) => 4 * below(Math.max(1, Math.floor(bytes.length / 4) - 1))
    const extreme = (bytes: Buffer) =>
      overwrite(bytes, word(bytes), EXTREMES[below(EXTREMES.length)]!, below(2) === 0 ? 4 : 8)
    const mutations: ((bytes: Buffer) => Buffer)[] = [
      function flipBit(bytes) {
        bytes[below(bytes.length)]! ^= 1 << below(8)
        return bytes
      },
      function changeByte(bytes) {
        bytes[below(bytes.length)] = below(256)
        return bytes
      },
      function truncate(bytes) {
        return bytes.subarray(0, 8 + below(bytes.length - 8))
      },
      function splice(bytes) {
        const other = streams[below(streams.length)]!
        const [from, to, length] = [below(other.length), below(bytes.length), 4 * below(64)]
        const rest = bytes.subarray(to + (below(2) === 0 ? 0 : length))
        return Buffer.concat([
          bytes.subarray(0, to),
          other.subarray(from, from + length),
          rest,
          bytes.subarray(0, 8),
        ])
      },
      function anyOffset(bytes) {
        return overwrite(bytes, word(bytes), BigInt(below(2 * bytes.length) - 16), 4)
      },
      extreme,
      extreme,
      extreme,
    ]
    for (let round = 0; round < rounds(500, 20_000); round++) {
      let bytes: Buffer = Buffer.from(streams[below(streams.length)]!)
      for (let count = 1 + below(3); count > 0; count--) bytes = mutations[below(mutations.length)]!(bytes)
      await expectBatchesOrError(bytes, `round ${round}`)
    }
  })

  const FIXTURE = fileURLToPath(new URL('../../../../shared/fixtures/inputs/arrow-hang.bin', import.meta.url))
  it.skipIf(!existsSync(FIXTURE))('is refused whose list of arrays has no end', async () => {
    await expect(batchesFrom(readFileSync(FIXTURE))).rejects.toMatchObject({ code: 'ARROW_INVALID' })
  })

  it('is refused as soon as a length cannot be, without waiting for what it says will come', async () => {
    const valid = (await bytesOf([batchOf(0, 3)])).subarray(0, -8)
    const batch = (await bytesOf([])).length - 8
    const bodyBytes = valid.length - (batch + 8 + valid.readInt32LE(batch + 4))
    const at = valid.indexOf(Buffer.from(BigInt64Array.of(BigInt(bodyBytes)).buffer), batch)
    for (const start of [
      Buffer.from(Uint32Array.of(0xffff_ffff, 0x7fff_fff8).buffer),
      overwrite(valid, at, 1n << 62n, 8),
      overwrite(valid, at, -1n, 8),
    ]) {
      const source = new PassThrough()
      source.write(start)
      const [error] = (await once(readArrow(source).resume(), 'error')) as [ArrowError]
      expect(error.code).toBe('ARROW_INVALID')
    }
  })

  it.each([
    ['each of the same two', 2, 60],
    ['all of them one', 1_000_000, 1],
  ])('is refused where few tables unfold to many fields, %s', async (_case, width, levels) => {
    await expect(batchesFrom(unfoldingSchema(width, levels))).rejects.toMatchObject({
      code: 'ARROW_INVALID',
      message: expect.stringMatching(/again and again|more than 100000 tables/),
    })
  })

  it.each([
    ['a path before its data', Int32Array.of(-4, 1, 2, 3)],
    ['a path that runs backwards', Int32Array.of(0, 2, 1, 3)],
    ['a path beyond its data', Int32Array.of(0, 1, 2, 3000)],
    ['too few offsets', Int32Array.of(0, 1)],
    ['half a character', Int32Array.of(0, 1, 3, 4)],
  ])('is refused for %s', async (_case, valueOffsets) => {
    const data = Buffer.from('abä')
    const path = makeData({ type: new Utf8(), length: 3, nullCount: 0, valueOffsets, data })
    const bytes = threeRows({ path })
    await expect(batchesFrom(bytes)).rejects.toMatchObject({ code: 'ARROW_INVALID' })
  })

  it('is refused for lists that are longer than their values', async () => {
    const type = new FixedSizeList(2 ** 31 - 1, new Field('item', new Float32(), false))
    const child = makeData({ type: new Float32(), data: Float32Array.of(1, 0) })
    const embedding = makeData({ type, length: 3, nullCount: 0, child })
    await expect(batchesFrom(threeRows({ embedding }))).rejects.toMatchObject({
      code: 'ARROW_INVALID',
      message: expect.stringContaining('its rows need'),
    })
  })

  it('is refused for nulls, also within an embedding', async () => {
    const nullBitmap = Uint8Array.of(0b101)
    const child = makeData({ type: new Float32(), data: new Float32Array(6), nullBitmap, nullCount: 1 })
    const embedding = makeData({ type: EMBEDDINGS.type, length: 3, nullCount: 0, child })
    const index = makeData({ type: new Uint32(), data: new Uint32Array(3), nullBitmap, nullCount: 1 })
    for (const column of [{ embedding }, { index }]) {
      await expect(batchesFrom(threeRows(column))).rejects.toMatchObject({ code: 'ARROW_SCHEMA' })
    }
  })

  it('is refused for types that are nested without end', async () => {
    const nested = (depth: number) => {
      let deep: DataType = new Int32()
      for (let level = 1; level < depth; level++) deep = new List(new Field('item', deep, false))
      return threeRows({ deep: vectorFromArray([null, null, null], deep).data[0]! })
    }
    expect(await batchesFrom(nested(20))).toHaveLength(1)
    await expect(batchesFrom(nested(100))).rejects.toMatchObject({ code: 'ARROW_INVALID' })
  })
})

describe('an index', () => {
  it.each([
    ['negative', makeData({ type: new Int32(), data: Int32Array.of(0, 1, -1) }), '-1'],
    ['negative of 64 bits', makeData({ type: new Int64(), data: BigInt64Array.of(0n, 1n, -5n) }), '-5'],
    ['of 33 bits', makeData({ type: new Int64(), data: BigInt64Array.of(0n, 1n, 1n << 32n) }), '4294967296'],
    [
      'of 64 bits',
      makeData({ type: new Uint64(), data: BigUint64Array.of(0n, 1n, (1n << 64n) - 1n) }),
      '18446744073709551615',
    ],
  ])('that is %s is refused by row and value', async (_case, index, value) => {
    await expect(batchesFrom(threeRows({ index }))).rejects.toMatchObject({
      code: 'ARROW_INDEX',
      message: expect.stringContaining(`in row 2 on stdin but got ${value}.`),
    })
  })

  it('is refused by its row in the stream', async () => {
    const first = threeRows({ index: makeData({ type: new Int32(), data: Int32Array.of(1, 2, 3) }) })
    const second = threeRows({ index: makeData({ type: new Int32(), data: Int32Array.of(4, -2, 6) }) })
    const schemaBytes = 8 + Buffer.from(second).readInt32LE(4)
    const both = Buffer.concat([first.subarray(0, -8), second.subarray(schemaBytes)])
    await expect(batchesFrom(both)).rejects.toMatchObject({ message: expect.stringContaining('in row 4 ') })
  })

  it('may be as large as 32 bits hold', async () => {
    const index = makeData({ type: new Int64(), data: BigInt64Array.of(0n, 1n, (1n << 32n) - 1n) })
    const [batch] = await batchesFrom(threeRows({ index }))
    expect(batch!.indices).toEqual(Uint32Array.of(0, 1, 2 ** 32 - 1))
  })
})

/** A schema of `width` fields, all the same one, whose children are `width` fields, all the same one, and so on. */
function unfoldingSchema(width: number, levels: number): Uint8Array {
  const [messageTable, messageHeader, schemaTable, schemaFields, firstLevel] = [16, 24, 36, 40, 60]
  const levelBytes = 4 + 4 * width + 8
  const metadata = Buffer.alloc(firstLevel + levels * levelBytes + 4)
  const vtable = (at: number, ...entries: number[]) =>
    entries.forEach((entry, i) => metadata.writeUInt16LE(entry, at + 2 * i))
  const offset = (at: number, to: number) => metadata.writeUInt32LE(to - at, at)
  offset(0, messageTable)
  vtable(4, 10, 12, 0, 4, 8)
  metadata.writeInt32LE(messageTable - 4, messageTable)
  metadata.writeUInt8(1, messageTable + 4)
  offset(messageHeader, schemaTable)
  vtable(28, 8, 8, 0, 4)
  metadata.writeInt32LE(schemaTable - 28, schemaTable)
  offset(schemaFields, firstLevel)
  vtable(44, 16, 8, 0, 0, 0, 0, 0, 4)
  for (let level = 0; level < levels; level++) {
    const vector = firstLevel + level * levelBytes
    const table = vector + 4 + 4 * width
    metadata.writeUInt32LE(width, vector)
    for (let at = vector + 4; at < table; at += 4) offset(at, table)
    metadata.writeInt32LE(table - 44, table)
    offset(table + 4, vector + levelBytes)
  }
  return Buffer.concat([new Uint8Array(Uint32Array.of(0xffff_ffff, metadata.length).buffer), metadata])
}
