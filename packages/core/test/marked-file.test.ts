import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { checkMark, hashFile, isFileMark, MarkedFile } from '../src/index.js'

const root = mkdtempSync(join(tmpdir(), 'facekit-marked-'))
afterAll(() => rmSync(root, { recursive: true }))
const file = join(root, 'file')

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function written(text: string, from = 0) {
  const marked = await MarkedFile.create(file, from)
  await marked.append(Buffer.from(text))
  const mark = await marked.mark()
  await marked.close()
  return mark
}

describe('MarkedFile', () => {
  it('goes on from any mark, whatever came after it', async () => {
    const random = seededRandom(3)
    for (let round = 0; round < rounds(20, 200); round++) {
      const pieces = Array.from({ length: 8 }, () =>
        Buffer.from(Array.from({ length: Math.floor(random() * 300) }, () => random() * 256)),
      )
      const from = Math.floor(random() * 3) * 64
      let marked = await MarkedFile.create(file, from)
      for (const [i, piece] of pieces.entries()) {
        await marked.append(piece)
        const soFar = Buffer.concat(pieces.slice(0, i + 1))
        if (random() < 0.5) continue
        const mark = await marked.mark()
        expect(mark).toEqual({ from, bytes: from + soFar.length, sha256: sha256(soFar) })
        if (random() < 0.5) continue
        // Lost: written and not marked; and the room before it changes.
        await marked.append(Buffer.from('lost'))
        if (from > 0) await marked.handle.write(Buffer.from('header'), 0, 6, 0)
        await marked.close()
        marked = await MarkedFile.reopen(file, mark)
        expect(marked.bytes).toBe(mark.bytes)
      }
      await marked.close()
      expect(readFileSync(file).subarray(from)).toEqual(Buffer.concat(pieces))
    }
  })

  it.each([
    ['is gone', () => rmSync(file), /file cannot be read \(ENOENT/],
    ['is cut', () => truncateSync(file, 5), /file has 5 bytes of 11/],
    ['holds other bytes', () => writeFileSync(file, 'some bytEs!'), /file holds other bytes/],
  ])('that %s is refused', async (_what, damage, message) => {
    const mark = await written('some bytes!')
    await expect(checkMark(file, mark)).resolves.toBeDefined()
    damage()
    for (const again of [checkMark, MarkedFile.reopen])
      await expect(again(file, mark)).rejects.toMatchObject({
        code: 'RUN_DAMAGED',
        message: expect.stringMatching(message) as string,
      })
  })

  it('of no bytes must be there, too', async () => {
    const mark = await written('')
    rmSync(file)
    await expect(MarkedFile.reopen(file, mark)).rejects.toMatchObject({ code: 'RUN_DAMAGED' })
  })

  it('says so where what it wrote is cut before it is marked', async () => {
    const marked = await MarkedFile.create(file)
    await marked.append(Buffer.from('some bytes'))
    truncateSync(file, 3)
    await expect(marked.mark()).rejects.toMatchObject({ code: 'RUN_DAMAGED' })
    await marked.close()
  })
})

it('hashFile takes the checksum of a part', async () => {
  writeFileSync(file, '0123456789')
  for (const [end, from] of [
    [Infinity, 0],
    [4, 0],
    [7, 3],
    [Infinity, 10],
    [3, 3],
  ] as const) {
    const { hash, bytes } = await hashFile(file, { from, end })
    expect(bytes).toBe(Math.min(10, end))
    expect(hash.digest('hex')).toBe(sha256(Buffer.from('0123456789'.slice(from, Math.min(10, end)))))
  }
})

it('isFileMark takes marks, and nothing else', async () => {
  expect(isFileMark(await written('bytes', 64))).toBe(true)
  expect(isFileMark({ bytes: 3, sha256: 'ab' })).toBe(true)
  for (const other of [
    undefined,
    null,
    3,
    {},
    { bytes: -1, sha256: '' },
    { bytes: 2, sha256: 1 },
    { from: 5, bytes: 2, sha256: '' },
    { bytes: 0.5, sha256: '' },
  ])
    expect(isFileMark(other)).toBe(false)
})
