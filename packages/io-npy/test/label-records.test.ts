import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import type { LabelRecord } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { NpyError, readLabelRecords, writeLabelRecords } from '../src/index.js'
import { collect, inBatches, isOpen, labelRecords, npyBytes, temporaryFolder } from './support.js'

const inFolder = temporaryFolder()

/** An object array of `rows` with this pickle. */
async function withPickle(rows: number, ...parts: (string | number[] | Buffer)[]): Promise<string> {
  const pickle = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  )
  const file = inFolder('hostile.npy')
  await writeFile(file, npyBytes({ descr: '|O', shape: [rows], data: pickle }))
  return file
}

const refusal = (said: string | RegExp, code = 'NPY_PICKLE') => ({
  code,
  message: typeof said === 'string' ? expect.stringContaining(said) : expect.stringMatching(said),
})

async function* failing(): AsyncGenerator<LabelRecord[]> {
  yield labelRecords(10, 2)
  throw new Error('no more')
}

describe('writeLabelRecords', () => {
  it.each([
    [0, 1],
    [5, 5],
    [2500, 3],
    // More classes than are remembered at once, each met twice.
    [140_000, 70_000],
  ])('writes %i records of %i classes that readLabelRecords reads', async (count, classes) => {
    const file = inFolder('records.npy')
    const records = labelRecords(count, classes)
    await writeLabelRecords(file, count, inBatches(records, 1234))
    expect(await collect(readLabelRecords(file))).toEqual(records)
  })

  it('keeps strings as they are, lone surrogates and the replacement character included', async () => {
    const file = inFolder('odd.npy')
    const texts = [
      '',
      '\0',
      '\ufffd',
      '\ufeffbom',
      '\ud800',
      'a\udc00b\ufffd',
      '😀',
      'x'.repeat(255),
      'y'.repeat(70_000),
    ]
    const records = texts.map((text) => ({ folder: text, file_path: text }))
    await writeLabelRecords(file, records.length, inBatches(records, 2))
    expect(await collect(readLabelRecords(file))).toEqual(records)
  })

  it('names each class once while it is remembered', async () => {
    const file = inFolder('small.npy')
    const records = Array.from({ length: 10_000 }, (_, i) => ({
      folder: `${'long '.repeat(20)}${i % 10}`,
      file_path: String(i),
    }))
    await writeLabelRecords(file, records.length, inBatches(records, 1000))
    expect((await readFile(file)).length).toBeLessThan(25 * records.length)
  })

  it.each([99, 101])('refuses to promise 100 records and write %i', async (count) => {
    const file = inFolder('wrong/count.npy')
    await expect(writeLabelRecords(file, 100, inBatches(labelRecords(count, 3), 10))).rejects.toThrow(
      `count.npy: got ${count} records, expected 100`,
    )
    expect(existsSync(inFolder('wrong'))).toBe(false)
  })

  it('writes nothing when the records fail', async () => {
    await expect(writeLabelRecords(inFolder('failed/list.npy'), 20, failing())).rejects.toThrow('no more')
    expect(existsSync(inFolder('failed'))).toBe(false)
  })
})

describe('readLabelRecords', () => {
  it.each([
    ['os.system', ['\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.']],
    ['builtins.eval', ['\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.']],
    ['numpy.ndarray.tofile', ['\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.']],
    ['numpy.core.multiarray.fromfile', ['\x80\x02cnumpy.core.multiarray\nfromfile\n.']],
    ['constructor.prototype', ['\x80\x02cconstructor\nprototype\n.']],
  ])('never runs %s, and says that it was asked to', async (name, parts) => {
    await expect(collect(readLabelRecords(await withPickle(1, ...parts)))).rejects.toMatchObject(
      refusal(`asks for "${name}", which is never run`),
    )
  })

  it.each([
    ['no pickle', 1, ['hello']],
    ['an empty pickle', 0, ['\x80\x04.']],
    ['a stack that is too short', 1, ['\x80\x04R.']],
    ['a missing mark', 1, ['\x80\x04]e.']],
    ['a mark between the arguments', 1, ['\x80\x04K\x01(\x86.']],
    ['an empty memo slot', 1, ['\x80\x04h\x07.']],
    ['a memo slot beyond every bound', 1, ['\x80\x04]r\xff\xff\xff\xff.']],
    ['a call of no function', 1, ['\x80\x04K\x01)R.']],
    ['a state for no array', 1, ['\x80\x04K\x01)b.']],
    ['an item set in no dict', 1, ['\x80\x04]K\x01K\x01s.']],
    ['a key without a value', 1, ['\x80\x04}(X\x06\x00\x00\x00folderu.']],
    ['the key __proto__', 1, ['\x80\x04}X\x09\x00\x00\x00__proto__X\x01\x00\x00\x00xs.']],
    ['a list in itself', 1, ['\x80\x04]q\x00h\x00a.']],
    [
      'an array without a state',
      1,
      ['\x80\x04\x8c\x05numpy\x8c\x07ndarray\x93K\x00\x85\x8c\x05numpy\x8c\x05dtype\x93\x8c\x01O\x85R\x86R.'],
    ],
    ['an array of another dtype', 1, ['\x80\x04\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02i8\x85R.']],
    ['text that is not UTF-8', 1, ['\x80\x04\x8c\x02\xff\xfe.']],
    ['an unknown opcode', 1, ['\x80\x04\x81.']],
    ['the opcode of persistent ids', 1, ['\x80\x04Pname\n.']],
    ['a protocol of the future', 1, ['\x80\x09.']],
    ['an integer of 255 bytes', 1, ['\x80\x04\x8a\xff', Buffer.alloc(255), '.']],
    ['endless marks', 1, ['\x80\x04', Buffer.alloc(1_000_000, '(')]],
    ['endless values', 1, ['\x80\x04', Buffer.alloc(1_000_000, 'N')]],
    ['endless nesting', 1, ['\x80\x04N', Buffer.alloc(1_000_000, 0x85)]],
    ['endless memory', 1, ['\x80\x04N', Buffer.alloc(1_000_000, 0x94)]],
    ['an endless name', 1, ['\x80\x02c', Buffer.alloc(1_000_000, 'n')]],
    ['a text of 2 MB', 1, ['\x80\x04X\x80\x84\x1e\x00', Buffer.alloc(2_000_001, 'n')]],
  ] satisfies [string, number, (string | Buffer)[]][])('refuses %s', async (_what, rows, parts) => {
    await expect(collect(readLabelRecords(await withPickle(rows, ...parts)))).rejects.toMatchObject(
      refusal(/hostile\.npy: /),
    )
  })

  it.each([
    ['a text of 4 GB', ['\x80\x04X\xff\xff\xff\xff']],
    ['a text of 16 EB', ['\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff']],
    ['bytes of 2 GB', ['\x80\x04B\xff\xff\xff\x7f']],
    ['a frame of 16 EB', ['\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff']],
    ['no end', ['\x80\x04N']],
  ])('refuses %s that is not there', async (_what, parts) => {
    await expect(collect(readLabelRecords(await withPickle(1, ...parts)))).rejects.toMatchObject(
      refusal('hostile.npy', 'NPY_TRUNCATED'),
    )
  })

  it('refuses a file cut at any byte, and one with more after it', async () => {
    const file = inFolder('whole.npy')
    await writeLabelRecords(file, 7, inBatches(labelRecords(7, 3), 3))
    const whole = await readFile(file)
    const cut = inFolder('cut-list.npy')
    for (let bytes = 0; bytes < whole.length; bytes++) {
      await writeFile(cut, whole.subarray(0, bytes))
      await expect(collect(readLabelRecords(cut))).rejects.toMatchObject(
        refusal('cut-list.npy', 'NPY_TRUNCATED'),
      )
    }
    await writeFile(cut, Buffer.concat([whole, Buffer.from('.')]))
    await expect(collect(readLabelRecords(cut))).rejects.toMatchObject(
      refusal('1 bytes after', 'NPY_SURPLUS'),
    )
  })

  it('refuses headers that disagree with the pickle', async () => {
    const file = inFolder('count.npy')
    await writeLabelRecords(file, 7, inBatches(labelRecords(7, 3), 3))
    const whole = await readFile(file)
    for (const rows of ['6', '8', '9000000000000000']) {
      const changed = Buffer.from(whole.toString('latin1').replace('(7,), }', `(${rows},), }`), 'latin1')
      // As many spaces fewer as there are digits more.
      const padded = changed.toString('latin1').replace(' '.repeat(rows.length - 1) + '\n', '\n')
      await writeFile(file, padded, 'latin1')
      await expect(collect(readLabelRecords(file))).rejects.toThrow(/count\.npy: /)
    }
  })

  it('refuses arrays of another dtype or shape, with the fix', async () => {
    const file = inFolder('shape.npy')
    await writeFile(file, npyBytes({ descr: '<f4', shape: [1], data: Float32Array.of(1) }))
    await expect(collect(readLabelRecords(file))).rejects.toMatchObject(refusal('has dtype <f4', 'NPY_DTYPE'))
    await writeFile(file, npyBytes({ descr: '|O', shape: [], data: Buffer.from('\x80\x04}.', 'latin1') }))
    await expect(collect(readLabelRecords(file))).rejects.toMatchObject(
      refusal('np.array(records', 'NPY_SHAPE'),
    )
  })

  it('with random bytes changed is an error that names the file, or as many records as it says', async () => {
    const random = seededRandom(3)
    const file = inFolder('fuzz-list.npy')
    await writeLabelRecords(file, 5, inBatches(labelRecords(5, 2), 2))
    const whole = await readFile(file)
    const count = rounds(400, 4000)
    let refused = 0
    for (let round = 0; round < count; round++) {
      const bytes = Buffer.from(whole)
      for (let i = Math.floor(random() * 3); i >= 0; i--) {
        bytes[128 + Math.floor(random() * (bytes.length - 128))] = Math.floor(random() * 256)
      }
      await writeFile(file, bytes)
      try {
        expect((await collect(readLabelRecords(file))).length).toBe(5)
      } catch (error) {
        expect(error).toBeInstanceOf(NpyError)
        expect((error as NpyError).message).toContain('fuzz-list.npy')
        refused++
      }
    }
    expect(refused).toBeGreaterThan(count / 4)
  })

  it('closes the file on early exit', async () => {
    const file = inFolder('early.npy')
    await writeLabelRecords(file, 5000, inBatches(labelRecords(5000, 2), 500))
    for await (const batch of readLabelRecords(file)) {
      expect(batch.length).toBeLessThanOrEqual(1000)
      expect(await isOpen(file)).toBe(true)
      break
    }
    expect(await isOpen(file)).toBe(false)
  })
})
