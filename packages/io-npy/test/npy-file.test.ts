import { execFileSync } from 'node:child_process'
import { mkdir, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { NpyError, NpyWriter, openNpy, readNpy, writeNpy, writeStrings } from '../src/index.js'
import { isOpen, npyBytes, temporaryFolder, unicode, writeArray } from './support.js'

const inFolder = temporaryFolder()
const SIX = Float32Array.of(0, 1, 2, 3, 4, 5)

async function readAll(file: string): Promise<number[]> {
  const npy = await openNpy(file)
  return npy
    .readFloat32()
    .then((values) => [...values])
    .finally(() => npy.close())
}

/** The six numbers as 2 × 3, with this header. */
const spell = (header: string) =>
  writeArray(inFolder('header.npy'), { descr: '<f4', shape: [2, 3], data: SIX, header })

describe('the header', () => {
  it.each([
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`],
    [`{'shape':(2,3),'fortran_order':False,'descr':'<f4'}`],
    [`  { "descr" : "<f4" ,\n "fortran_order" : False , "shape" : ( 2 , 3 , ) , }   \n`],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}`],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}`],
  ])('may be spelled %s', async (header) => {
    expect(await readAll(await spell(header))).toEqual([...SIX])
  })

  it.each([
    ['', 'got its end at character 0, expected {'],
    ['{', 'got its end'],
    [`{'descr': '<f4', 'fortran_order': False}`, 'got the keys descr, fortran_order'],
    [
      `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}`,
      'expected descr, fortran_order, shape',
    ],
    [`{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}`, 'descr occurs twice'],
    [`{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}`, 'got 0 for fortran_order'],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}`, 'got "-3)}'],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3.0)}`, 'got "3.0)}'],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (2, '3')}`, 'for shape'],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}`, 'for shape'],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} + evil()`, 'got "+ evil()"'],
    [`{'descr': ${'['.repeat(5000)}`, 'nested brackets'],
    [`__import__('os').system('true')`, 'expected {'],
  ])('is refused when it is %s', async (header, said) => {
    await expect(openNpy(await spell(header))).rejects.toMatchObject({
      code: 'NPY_HEADER',
      message: expect.stringContaining(said),
    })
  })

  it.each(['<c8', '<M8[ns]', '|V16', '<f16', '<f', 'f4', '<U', '<U99999999', '<i3', ''])(
    'is refused for the dtype %j, by its name',
    async (descr) => {
      const file = await writeArray(inFolder('dtype.npy'), { descr, shape: [6], data: SIX })
      await expect(openNpy(file)).rejects.toMatchObject({
        code: 'NPY_DTYPE',
        message: expect.stringMatching(/dtype\.npy: has dtype ".*", expected float16/),
      })
    },
  )

  it('is refused for structured arrays', async () => {
    const file = await spell(`{'descr': [('x', '<f4'), ('y', '<f4')], 'fortran_order': False, 'shape': (3,)}`)
    await expect(openNpy(file)).rejects.toMatchObject({ code: 'NPY_DTYPE' })
  })

  it('is refused when the shape overflows', async () => {
    for (const shape of [
      [2 ** 52, 2 ** 52],
      [0, 2 ** 52, 2 ** 52],
      [2 ** 52, 3],
    ]) {
      const file = await writeArray(inFolder('huge.npy'), { descr: '<f8', shape, data: SIX })
      await expect(openNpy(file)).rejects.toMatchObject({ code: 'NPY_SHAPE' })
    }
  })

  it('is not believed when it claims 4 GiB for itself', async () => {
    const file = inFolder('long-header.npy')
    await writeFile(
      file,
      Buffer.concat([Buffer.from('\x93NUMPY\x02\x00', 'latin1'), Buffer.alloc(100, 0xff)]),
    )
    await expect(openNpy(file)).rejects.toMatchObject({ code: 'NPY_HEADER' })
  })
})

describe('what is no NPY file', () => {
  it.each([
    ['text', 'Hello, this is no array', 'NPY_MAGIC', 'not an NPY file'],
    ['a zip', 'PK\x03\x04...............', 'NPY_MAGIC', 'np.load(file)["name"]'],
    ['short text', 'x', 'NPY_MAGIC', 'not an NPY file'],
    ['nothing', '', 'NPY_TRUNCATED', 'is empty'],
    ['a later version', '\x93NUMPY\x04\x00\x10\x00................', 'NPY_VERSION', 'version 4.0'],
  ])('is refused: %s', async (_what, text, code, said) => {
    const file = inFolder('no-array.npy')
    await writeFile(file, text, 'latin1')
    await expect(openNpy(file)).rejects.toMatchObject({ code, file, message: expect.stringContaining(said) })
  })

  it('is refused: a missing file, a folder, a named pipe', async () => {
    await mkdir(inFolder('folder.npy'))
    execFileSync('mkfifo', [inFolder('pipe.npy')])
    await expect(openNpy(inFolder('missing.npy'))).rejects.toThrow(/missing\.npy: no such file/)
    await expect(openNpy(inFolder('folder.npy'))).rejects.toThrow(/folder\.npy: is a folder/)
    await expect(openNpy(inFolder('pipe.npy'))).rejects.toThrow(/pipe\.npy: is not a regular file/)
    await expect(openNpy(inFolder('missing.npy'))).rejects.toBeInstanceOf(NpyError)
  })
})

describe('a damaged file', () => {
  it('cut at any byte is an error that names it', async () => {
    const whole = npyBytes({ descr: '<f4', shape: [2, 3], data: SIX })
    const file = inFolder('cut.npy')
    for (let bytes = 0; bytes < whole.length; bytes++) {
      await writeFile(file, whole.subarray(0, bytes))
      await expect(openNpy(file)).rejects.toMatchObject({
        code: 'NPY_TRUNCATED',
        message: expect.stringContaining('cut.npy'),
      })
    }
  })

  it('says how many bytes there are and how many there should be', async () => {
    const whole = npyBytes({ descr: '<f4', shape: [2, 3], data: SIX })
    const file = inFolder('sizes.npy')
    await writeFile(file, whole.subarray(0, -1))
    await expect(openNpy(file)).rejects.toThrow(
      `has ${whole.length - 1} bytes, expected ${whole.length} for <f4 of shape (2, 3)`,
    )
    await writeFile(file, Buffer.concat([whole, Buffer.alloc(4)]))
    await expect(openNpy(file)).rejects.toMatchObject({ code: 'NPY_SURPLUS' })
  })

  it('cut while it is open is an error too', async () => {
    const file = await writeArray(inFolder('shrinks.npy'), { descr: '<f4', shape: [2, 3], data: SIX })
    const npy = await openNpy(file)
    await truncate(file, npy.size - 4)
    expect([...(await npy.readFloat32(0, 1))]).toEqual([0, 1, 2])
    await expect(npy.readFloat32(1, 2)).rejects.toMatchObject({ code: 'NPY_TRUNCATED', file })
    await npy.close()
  })

  it('with random bytes changed is an error that names it, or an array of the shape it says', async () => {
    const random = seededRandom(1)
    const file = inFolder('fuzz.npy')
    const arrays = [
      npyBytes({ descr: '<f4', shape: [2, 3], data: SIX }),
      npyBytes({ descr: '>i8', shape: [3], data: SIX }),
      npyBytes({ descr: '<U5', shape: [3], data: unicode(['a', '人脸', '😀'], 5), version: 2 }),
    ]
    const count = rounds(600, 6000)
    let refused = 0
    for (let round = 0; round < count; round++) {
      const bytes = Buffer.from(arrays[round % arrays.length]!)
      for (let i = Math.floor(random() * 3); i >= 0; i--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      }
      await writeFile(file, bytes)
      try {
        const npy = await openNpy(file)
        try {
          const rows = npy.dtype.kind === 'U' ? npy.readStrings() : npy.readFloat32()
          expect((await rows).length).toBe(npy.rows * npy.rowLength)
        } finally {
          await npy.close()
        }
      } catch (error) {
        expect(error).toBeInstanceOf(NpyError)
        expect((error as NpyError).message).toContain('fuzz.npy')
        refused++
      }
    }
    expect(refused).toBeGreaterThan(count / 5)
  })

  it('with a number that is no character is refused by its row', async () => {
    const codes = unicode(['a', 'b', 'c'], 2)
    codes[2] = 0x110000
    const file = await writeArray(inFolder('character.npy'), { descr: '<U2', shape: [3], data: codes })
    const npy = await openNpy(file)
    expect(await npy.readStrings(0, 1)).toEqual(['a'])
    await expect(npy.readStrings()).rejects.toThrow(/character\.npy: row 1 contains 1114112/)
    await npy.close()
  })

  it('is closed', async () => {
    const file = inFolder('closed.npy')
    await writeFile(file, npyBytes({ descr: '<f4', shape: [2, 3], data: SIX }).subarray(0, -1))
    await expect(openNpy(file)).rejects.toThrow(NpyError)
    expect(await isOpen(file)).toBe(false)
  })
})

describe('rows', () => {
  it('beyond 4 GiB are read where they are', async () => {
    // Sparse: the file takes no room on the disk.
    const rows = 9_000_000
    const header = npyBytes({ descr: '<f4', shape: [rows, 128], data: new Uint8Array() })
    const file = inFolder('sparse.npy')
    const handle = await open(file, 'w')
    await handle.write(header)
    const last = Float32Array.from({ length: 256 }, (_, i) => i + 1)
    const position = header.length + (rows - 2) * 512
    expect(position).toBeGreaterThan(2 ** 32)
    await handle.write(new Uint8Array(last.buffer), 0, 1024, position)
    await handle.close()
    const npy = await openNpy(file)
    expect(await npy.readFloat32(rows - 2)).toEqual(last)
    expect((await npy.readFloat32(rows - 4, rows - 2)).every((value) => value === 0)).toBe(true)
    await npy.close()
  })

  it('outside of the file are refused', async () => {
    const npy = await openNpy(
      await writeArray(inFolder('range.npy'), { descr: '<f4', shape: [2, 3], data: SIX }),
    )
    for (const [start, end] of [
      [0, 3],
      [-1, 1],
      [2, 1],
      [0.5, 1],
      [Number.NaN, 1],
    ]) {
      await expect(npy.readFloat32(start, end)).rejects.toMatchObject({ code: 'NPY_SHAPE' })
    }
    await npy.close()
  })

  it('of another kind than asked for are refused', async () => {
    const numbers = await openNpy(
      await writeArray(inFolder('numbers.npy'), { descr: '<f4', shape: [6], data: SIX }),
    )
    await expect(numbers.readStrings()).rejects.toThrow(/numbers\.npy: has dtype <f4, expected strings/)
    await expect(numbers.readUint32()).rejects.toThrow(/numbers\.npy: has dtype <f4, expected integers/)
    await numbers.close()
    await writeStrings(inFolder('strings.npy'), ['a'])
    const strings = await openNpy(inFolder('strings.npy'))
    await expect(strings.readFloat32()).rejects.toThrow(/strings\.npy: has dtype <U1, expected numbers/)
    await strings.close()
  })

  it.each([-1n, 2n ** 32n, -(2n ** 63n)])('with the index %s are refused', async (index) => {
    const data = BigInt64Array.of(0n, 1n, index)
    const npy = await openNpy(await writeArray(inFolder('index.npy'), { descr: '<i8', shape: [3], data }))
    expect([...(await npy.readUint32(0, 2))]).toEqual([0, 1])
    await expect(npy.readUint32(1)).rejects.toMatchObject({
      code: 'NPY_VALUE',
      message: expect.stringContaining('element 2'),
    })
    await npy.close()
  })

  it('of many strings come back, whatever their lengths', async () => {
    const random = seededRandom(2)
    const alphabet = ['a', 'B', '7', '/', 'é', 'ÿ', 'Ā', '人', '😀', '\u{10ffff}', '\ud800']
    const strings = Array.from({ length: 20_000 }, () =>
      Array.from(
        { length: Math.floor(random() * 80) },
        () => alphabet[Math.floor(random() * (random() < 0.5 ? 4 : alphabet.length))]!,
      ).join(''),
    )
    const file = inFolder('many-strings.npy')
    await writeStrings(file, strings)
    const npy = await openNpy(file)
    expect(await npy.readStrings()).toEqual(strings)
    await npy.close()
  })

  it('of strings that can be taken only once are written', async () => {
    const file = inFolder('generator.npy')
    await writeStrings(
      file,
      (function* () {
        yield 'a'
        yield 'longer'
      })(),
    )
    const npy = await openNpy(file)
    expect([npy.dtype.descr, await npy.readStrings()]).toEqual(['<U6', ['a', 'longer']])
    await npy.close()
  })
})

describe('NpyWriter', () => {
  it('leaves a file that is refused until it is finished', async () => {
    const file = inFolder('unfinished.npy')
    const writer = await NpyWriter.create(file, { descr: '<f4', rowShape: [3] })
    await writer.append(SIX)
    await expect(openNpy(file)).rejects.toMatchObject({ code: 'NPY_SURPLUS' })
    await writer.finish()
    expect(writer.rows).toBe(2)
    expect(await readAll(file)).toEqual([...SIX])
  })

  it('refuses parts of rows', async () => {
    const writer = await NpyWriter.create(inFolder('parts.npy'), { descr: '<f4', rowShape: [4] })
    await expect(writer.append(SIX)).rejects.toMatchObject({ code: 'NPY_BATCH' })
    await writer.close()
  })

  it('says which file cannot be written', async () => {
    await expect(NpyWriter.create(inFolder('no/such/folder.npy'), { descr: '<f4' })).rejects.toMatchObject({
      code: 'NPY_WRITE',
      message: expect.stringContaining('folder.npy'),
    })
  })
})

describe('readNpy and writeNpy', () => {
  it('copy rows in batches of the size asked for', async () => {
    const source = await writeArray(inFolder('source.npy'), { descr: '<f4', shape: [3, 2], data: SIX })
    expect((await readNpy(source, { batchRows: 2 }).toArray()).map((batch) => [...batch])).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ])
    await pipeline(readNpy(source, { batchRows: 1 }), writeNpy(inFolder('copy.npy'), { rowLength: 2 }))
    const copy = await openNpy(inFolder('copy.npy'))
    expect([copy.shape, [...(await copy.readFloat32())]]).toEqual([[3, 2], [...SIX]])
    await copy.close()
  })

  it('write nothing when the source fails, and leave an older file as it is', async () => {
    const file = inFolder('kept/rows.npy')
    await pipeline(Readable.from([SIX]), writeNpy(file, { rowLength: 3 }))
    const before = await readFile(file)
    const failing = Readable.from(
      (async function* () {
        yield SIX
        throw new Error('source failed')
      })(),
    )
    const sink = writeNpy(file, { rowLength: 3 })
    const closed = new Promise((resolve) => sink.once('close', resolve))
    await expect(pipeline(failing, sink)).rejects.toThrow('source failed')
    await closed
    expect(await readdir(inFolder('kept'))).toEqual(['rows.npy'])
    expect(await readFile(file)).toEqual(before)
  })

  it('check their options at once', () => {
    expect(() => readNpy('x.npy', { batchRows: 0 })).toThrow(/positive integer for batchRows but received 0/)
    expect(() => writeNpy('x.npy', { rowLength: 1.5 })).toThrow(
      /positive integer for rowLength but received 1.5/,
    )
  })
})
