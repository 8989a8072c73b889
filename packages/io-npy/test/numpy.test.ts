import { mkdir, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import type { EmbeddingBatch } from '@facekit/core'
import { findPythons } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import {
  npyLabelArrays,
  NpyWriter,
  openFileSet,
  openNpy,
  readEmbeddings,
  readIntegers,
  readLabelRecords,
  shardEmbeddings,
  writeNpy,
  writeStrings,
} from '../src/index.js'
import { collect, embeddingBatch, inBatches, labelRecords, temporaryFolder } from './support.js'

const inFolder = temporaryFolder()
// 1.x and 2.x write different headers and pickles.
const numPys = await findPythons('numpy', 'import numpy as np')
afterAll(() => numPys.forEach((python) => python.close()))
const STRINGS = ['', 'a.jpg', 'é', '人脸/图片.png', '😀/👩🏽.webp', 'in\0side', '\ud800 lone', 'x'.repeat(300)]

if (numPys.length === 0) it.skip('needs a Python with NumPy: none was found, so interoperation is NOT tested')

describe.each(numPys.map((python) => [python.version, python] as const))('NumPy %s', (version, numPy) => {
  const file = (name: string) => inFolder(`${version}-${name}`)

  describe('reads what we write', () => {
    it('float32 rows, aligned at 64 bytes', async () => {
      const target = file('rows.npy')
      const rows = Float32Array.from({ length: 12 }, (_, i) => i / 7)
      await pipeline(
        Readable.from([rows.subarray(0, 4), rows.subarray(4)]),
        writeNpy(target, { rowLength: 4 }),
      )
      const found = await numPy.run<{ shape: number[]; dtype: string; values: number[] }>(
        `a = np.load(sys.argv[1]); print(json.dumps(dict(shape=a.shape, dtype=str(a.dtype), values=a.ravel().tolist())))`,
        target,
      )
      expect(found).toEqual({ shape: [3, 4], dtype: 'float32', values: [...rows] })
      const npy = await openNpy(target)
      expect(npy.dataOffset % 64).toBe(0)
      await npy.close()
    })

    it('a count that became longer than any room left by chance', async () => {
      const target = file('many.npy')
      const writer = await NpyWriter.create(target, { descr: '|u1' })
      for (let i = 0; i < 11; i++) await writer.append(new Uint8Array(1_000_001).fill(i))
      await writer.finish()
      const found = await numPy.run(
        `a = np.load(sys.argv[1], mmap_mode='r'); print(json.dumps([a.shape, int(a[-1])]))`,
        target,
      )
      expect(found).toEqual([[11_000_011], 10])
    })

    it('strings, beyond the BMP and lone surrogates too', async () => {
      const target = file('strings.npy')
      await writeStrings(target, STRINGS)
      const found = await numPy.run(
        `a = np.load(sys.argv[1]); print(json.dumps([str(a.dtype), a.tolist()]))`,
        target,
      )
      expect(found).toEqual(['<U300', STRINGS])
    })

    it.each([[[]], [['']]])('the strings %j', async (strings: string[]) => {
      const target = file(`few-${strings.length}.npy`)
      await writeStrings(target, strings)
      const found = await numPy.run(`print(json.dumps(np.load(sys.argv[1]).tolist()))`, target)
      expect(found).toEqual(strings)
    })

    it.each([0, 1, 999, 1000, 1001, 70_000])('%i label records, without a warning', async (count) => {
      const target = file(`records-${count}.npy`)
      // More classes than the writer remembers at once.
      const records = labelRecords(count, 66_000)
      await npyLabelArrays.writeRecords(target, count, inBatches(records, 777))
      const found = await numPy.run<{ shape: number[]; dtype: string; same: boolean }>(
        `a = np.load(sys.argv[1], allow_pickle=True)
same = all(list(r.items()) == [('folder', 'group_%04d' % (i % 66000)), ('file_path', 'faces/%d.jpg' % i)] for i, r in enumerate(a))
print(json.dumps(dict(shape=a.shape, dtype=str(a.dtype), same=same)))`,
        target,
      )
      expect(found).toEqual({ shape: [count], dtype: 'object', same: true })
    })

    it('label records with strings of every kind', async () => {
      const target = file('record-strings.npy')
      const records = STRINGS.map((text) => ({ folder: text, file_path: `${text}/${text}` }))
      await npyLabelArrays.writeRecords(target, records.length, inBatches(records, 3))
      const found = await numPy.run(
        `print(json.dumps(np.load(sys.argv[1], allow_pickle=True).tolist()))`,
        target,
      )
      expect(found).toEqual(records)
    })

    it('a file set, empty or not', async () => {
      const check = `print(json.dumps([[a.shape, str(a.dtype)] for a in (np.load(f'{sys.argv[1]}/final_{part}.npy') for part in ('fpaths', 'indices', 'embs'))]))`
      await pipeline(Readable.from([embeddingBatch(0, 3, 8)]), shardEmbeddings({ output: file('set') }))
      expect(await numPy.run(check, file('set'))).toEqual([
        [[3], '<U11'],
        [[3], 'int64'],
        [[3, 8], 'float32'],
      ])
      await pipeline(Readable.from([]), shardEmbeddings({ output: file('empty') }))
      expect(await numPy.run(check, file('empty'))).toEqual([
        [[0], '<U1'],
        [[0], 'int64'],
        [[0, 0], 'float32'],
      ])
    })
  })

  describe('writes what we read', () => {
    it.each(['<f2', '<f4', '<f8', '>f2', '>f4', '>f8', '|i1', '<i2', '<i4', '<i8', '>i4', '>i8'])(
      '%s as float32',
      async (descr) => {
        const target = file('numbers.npy')
        const found = await numPy.run<number[]>(
          `a = np.array([[0, 1, -1], [2.5, 100, -127.75]]).astype('${descr}')
np.save(sys.argv[1], a)
print(json.dumps(a.astype(np.float64).ravel().tolist()))`,
          target,
        )
        const npy = await openNpy(target)
        expect(npy.shape).toEqual([2, 3])
        expect(npy.dtype.descr).toBe(descr)
        expect([...(await npy.readFloat32())]).toEqual(found)
        expect([...(await npy.readFloat32(1, 2))]).toEqual(found.slice(3))
        await npy.close()
      },
    )

    it('every float16, the special ones included', async () => {
      const target = file('half.npy')
      await numPy.run(
        `a = np.arange(65536, dtype=np.uint16).view(np.float16)
np.save(sys.argv[1], a); np.save(sys.argv[2], a.astype(np.float32))`,
        target,
        file('single.npy'),
      )
      const half = await openNpy(target)
      const single = await openNpy(file('single.npy'))
      expect(await half.readFloat32()).toEqual(await single.readFloat32())
      await half.close()
      await single.close()
    })

    it.each(['|u1', '<u2', '<u4', '<u8', '>u4', '>u8', '|i1', '<i4', '<i8', '>i8'])(
      '%s as indices',
      async (descr) => {
        const target = file('integers.npy')
        const found = await numPy.run<number[]>(
          `a = np.array([0, 7, np.iinfo('${descr}').max % 2**32], dtype='${descr}')
np.save(sys.argv[1], a); print(json.dumps(a.tolist()))`,
          target,
        )
        const npy = await openNpy(target)
        expect([...(await npy.readUint32())]).toEqual(found)
        await npy.close()
        if (!descr.startsWith('>')) expect([...(await readIntegers(target))]).toEqual(found)
      },
    )

    it.each(['<', '>'])('unicode with byte order %s', async (order) => {
      const target = file('unicode.npy')
      const strings = STRINGS.filter((text) => text !== '')
      await numPy.run(
        `np.save(sys.argv[1], np.array(json.loads(sys.argv[2])).astype('${order}U300'))`,
        target,
        JSON.stringify(strings),
      )
      const npy = await openNpy(target)
      expect(npy.dtype.descr).toBe(`${order}U300`)
      expect(await npy.readStrings()).toEqual(strings)
      expect(await npy.readStrings(3, 5)).toEqual(strings.slice(3, 5))
      await npy.close()
    })

    it('bytes as strings', async () => {
      const target = file('bytes.npy')
      await numPy.run(`np.save(sys.argv[1], np.array([b'a', 'é'.encode(), b'']))`, target)
      const npy = await openNpy(target)
      expect(await npy.readStrings()).toEqual(['a', 'é', ''])
      await npy.close()
    })

    it.each([1, 2, 3])('header version %i', async (major) => {
      const target = file('version.npy')
      await numPy.run(
        `from numpy.lib import format
with open(sys.argv[1], 'wb') as f: format.write_array(f, np.arange(6, dtype='<f4').reshape(2, 3), version=(${major}, 0))`,
        target,
      )
      const npy = await openNpy(target)
      expect([...(await npy.readFloat32())]).toEqual([0, 1, 2, 3, 4, 5])
      await npy.close()
    })

    it.each(['<f4', '>f4', '<f2', '<f8', '|i1', '>i8'])(
      'Fortran order of %s: read by rows',
      async (descr) => {
        const target = file('fortran.npy')
        // More columns than are read at once, and not a multiple of them.
        await numPy.run(
          `np.save(sys.argv[1], np.asfortranarray((np.arange(7 * 37) % 100).astype('${descr}').reshape(7, 37)))`,
          target,
        )
        const expected = Array.from({ length: 7 * 37 }, (_, i) => i % 100)
        const npy = await openNpy(target)
        expect([...(await npy.readFloat32())]).toEqual(expected)
        expect([...(await npy.readFloat32(2, 5))]).toEqual(expected.slice(2 * 37, 5 * 37))
        expect([...(await npy.readFloat32(6))]).toEqual(expected.slice(6 * 37))
        expect([...(await npy.readFloat32(0, 1))]).toEqual(expected.slice(0, 37))
        expect(await npy.readFloat32(3, 3)).toHaveLength(0)
        const atOnce = await Promise.all([npy.readFloat32(0, 2), npy.readFloat32(5), npy.readFloat32(1, 3)])
        expect(atOnce.map(([first]) => first)).toEqual([0, expected[5 * 37], expected[37]])
        await npy.close()
      },
    )

    it('Fortran order: harmless where it does not matter, refused where a row has axes of its own', async () => {
      const target = file('fortran.npy')
      const save = (shape: string) =>
        numPy.run(
          `np.save(sys.argv[1], np.asfortranarray(np.arange(6, dtype='<f4').reshape(${shape})))`,
          target,
        )
      for (const shape of ['6', '1, 6', '6, 1', '1, 6, 1', '2, 3', '2, 1, 3', '2, 3, 1']) {
        await save(shape)
        const npy = await openNpy(target)
        expect([...(await npy.readFloat32())]).toEqual([0, 1, 2, 3, 4, 5])
        await npy.close()
      }
      await save('1, 2, 3')
      await expect(openNpy(target)).rejects.toMatchObject({
        code: 'NPY_FORTRAN_ORDER',
        message: expect.stringMatching(/fortran\.npy.*ascontiguousarray/),
      })
    })

    it('zero rows and scalars', async () => {
      const target = file('empty.npy')
      await numPy.run(`np.save(sys.argv[1], np.zeros((0, 512), np.float32))`, target)
      const empty = await openNpy(target)
      expect([empty.rows, empty.rowLength, (await empty.readFloat32()).length]).toEqual([0, 512, 0])
      await empty.close()
      await numPy.run(`np.save(sys.argv[1], np.float64(2.5))`, target)
      const scalar = await openNpy(target)
      expect([scalar.rows, [...(await scalar.readFloat32())]]).toEqual([1, [2.5]])
      await scalar.close()
    })

    it('label records, as np.save writes them and in every pickle protocol', async () => {
      const target = file('list.npy')
      const records = await numPy.run<{ folder: string; file_path: string }[]>(
        `records = [{'folder': 'group_%04d' % (i % 50), 'file_path': ('é😀' if i % 3 else 'p' * 300) + str(i)} for i in range(2500)]
np.save(sys.argv[1], np.array(records, dtype=object))
from numpy.lib import format
import pickle
for protocol in (2, 3, 4, 5):
    a = np.array(records, dtype=object)
    with open(sys.argv[1] + str(protocol), 'wb') as f:
        format.write_array_header_1_0(f, format.header_data_from_array_1_0(a))
        pickle.dump(a, f, protocol=protocol)
print(json.dumps(records))`,
        target,
      )
      for (const suffix of ['', '2', '3', '4', '5']) {
        expect(await collect(readLabelRecords(target + suffix))).toEqual(records)
      }
    })

    it('label records whose strings are numpy.str_, in another key order, repeated, or none', async () => {
      const target = file('str_.npy')
      await numPy.run(
        `r = {'file_path': np.str_('é😀.jpg'), 'folder': np.str_('g')}
np.save(sys.argv[1], np.array([r, r, {'folder': 'h', 'file_path': np.array(['z'], '>U3')[0]}], dtype=object))
np.save(sys.argv[2], np.array([], dtype=object))`,
        target,
        file('none.npy'),
      )
      const record = { folder: 'g', file_path: 'é😀.jpg' }
      expect(await collect(readLabelRecords(target))).toEqual([
        record,
        record,
        { folder: 'h', file_path: 'z' },
      ])
      expect(await collect(readLabelRecords(file('none.npy')))).toEqual([])
    })

    it.each([
      ['a function', `[{'folder': 'a', 'file_path': __import__('os').system}]`, 'posix.system'],
      [
        'a path object',
        `[{'folder': 'a', 'file_path': __import__('pathlib').PurePosixPath('x')}]`,
        'PurePosixPath',
      ],
      ['another key', `[{'folder': 'a', 'path': 'b'}]`, '"path"'],
      ['a number', `[{'folder': 3, 'file_path': 'b'}]`, "an int for 'folder'"],
      ['a missing key', `[{'folder': 'a'}, {'folder': 'a'}]`, "lacks the key 'file_path' in row 0"],
      ['strings', `['a', 'b']`, 'a str in row 0'],
      ['lists', `[['a'], ['b', 'c']]`, 'second list'],
    ])('refuses object arrays of %s', async (_what, list, said) => {
      const target = file('other.npy')
      await numPy.run(`np.save(sys.argv[1], np.array(${list}, dtype=object))`, target)
      await expect(collect(readLabelRecords(target))).rejects.toMatchObject({
        code: 'NPY_PICKLE',
        message: expect.stringContaining(said),
      })
    })

    it.each([
      ['objects', 'final_embs', `np.arange(12.).reshape(3, 4).astype(object)`],
      [
        'objects that are arrays',
        'final_embs',
        `np.frompyfunc(lambda i: np.arange(4 * i, 4 * i + 4), 1, 1)(np.arange(3))`,
      ],
      ['paths in a column', 'final_fpaths', `np.array([['0'], ['1'], ['2']])`],
      ['paths that are objects', 'final_fpaths', `np.array(['0', '1', '2'], dtype=object)`],
      ['paths in bytes of Latin-1', 'final_fpaths', `np.char.encode(['é', 'è', '2'], 'latin-1')`],
      ['indices that are floats', 'final_indices', `np.arange(3.)`],
      ['indices in a row', 'final_indices', `np.arange(3)[None]`],
    ])('a file set with %s, once the line of the message was run', async (what, part, array) => {
      const folder = file(`mended-${what}`)
      await mkdir(folder)
      const bad = `${folder}/${part}.npy`
      await numPy.run(
        `np.save(f'{sys.argv[1]}/final_fpaths.npy', np.array(['0', '1', '2']))
np.save(f'{sys.argv[1]}/final_embs.npy', np.arange(12, dtype='<f4').reshape(3, 4))
np.save(f'{sys.argv[1]}/final_indices.npy', np.arange(3))
np.save(sys.argv[2], ${array})`,
        folder,
        bad,
      )
      const read = async () => {
        const batches: EmbeddingBatch[] = await readEmbeddings(await openFileSet(folder)).toArray()
        return batches.map(({ paths, embeddings }) => [paths, [...embeddings]])
      }
      const error: unknown = await read().catch((caught: unknown) => caught)
      expect(error).toMatchObject({ message: expect.stringContaining(bad) as string })
      const [line] = /np\.save\(file.*$/.exec((error as Error).message)!
      await numPy.run(`file = sys.argv[1]\n${line.replace(/, which runs.*/, '')}`, bad)
      const paths = what.includes('bytes') ? ['é', 'è', '2'] : ['0', '1', '2']
      expect(await read()).toEqual([[paths, Array.from({ length: 12 }, (_, i) => i)]])
    })

    it('a file set out of an .npz, once the lines of the message were run', async () => {
      const folder = file('zipped')
      await mkdir(folder)
      await numPy.run(
        `np.savez(f'{sys.argv[1]}/faces.npz', paths=np.array(['a', 'b']), embeddings=np.eye(2, dtype='<f4'))`,
        folder,
      )
      for (const input of [folder, `${folder}/faces.npz`]) {
        const error: unknown = await openFileSet(input).catch((caught: unknown) => caught)
        const [lines] = /np\.save\(.*$/.exec((error as Error).message)!
        await numPy.run(`import os; os.chdir(sys.argv[1])\n${lines}`, folder)
        expect(await openFileSet(folder)).toMatchObject({ rows: 2, dim: 2 })
        await rm(`${folder}/final_embs.npy`)
        await rm(`${folder}/final_fpaths.npy`)
      }
    })

    it('a file set, back with the same rows', async () => {
      const folder = file('their-set')
      await mkdir(folder)
      await numPy.run(
        `for i, n in enumerate((3, 2)):
    np.save(f'{sys.argv[1]}/fpaths_{i}.npy', np.array([f'{i}/{k}' for k in range(n)]))
    np.save(f'{sys.argv[1]}/embs_norm_{i}.npy', np.full((n, 4), i, np.float16))
    np.save(f'{sys.argv[1]}/indices_{i}.npy', np.arange(n) + 10 * i)`,
        folder,
      )
      const set = await openFileSet(folder)
      expect(set).toMatchObject({ rows: 5, dim: 4, normalized: true })
      const batches = await readEmbeddings(set).toArray()
      expect(batches.map(({ paths }) => paths)).toEqual([
        ['0/0', '0/1', '0/2'],
        ['1/0', '1/1'],
      ])
      expect(batches.flatMap(({ indices }) => [...indices])).toEqual([0, 1, 2, 10, 11])
      expect([...batches[1]!.embeddings]).toEqual(Array.from({ length: 8 }, () => 1))
    })
  })
})
