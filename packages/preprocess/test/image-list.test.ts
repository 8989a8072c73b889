import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import type { PathBatch } from '@facekit/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { imageList } from '../src/index.js'
import { linesOf } from '../src/lines.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-list-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function pathsOf(input: string, batchSize = 3): Promise<string[]> {
  const batches = (await imageList(input, { batchSize }).toArray()) as PathBatch[]
  expect(batches.flatMap((batch) => [...batch.indices])).toEqual(
    batches.flatMap((batch) => batch.paths).map((_, i) => i),
  )
  for (const batch of batches.slice(0, -1)) expect(batch.paths.length).toBe(batchSize)
  return batches.flatMap((batch) => batch.paths)
}

function list(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('a folder', () => {
  const album = join(folder, 'album')
  beforeAll(() => {
    for (const sub of ['b', 'a', 'a/deeper', '.facekit-1-2', 'empty'])
      mkdirSync(join(album, sub), { recursive: true })
    const files = [
      'img10.jpg',
      'img2.JPG',
      'IMG1.jpeg',
      'notes.txt',
      'a/x.PnG',
      'a/deeper/y.bmp',
      'b/z.WEBP',
      'b/z.gif',
      'größe.jpg',
      '.facekit-1-2/half.jpg',
    ]
    for (const file of files) writeFileSync(join(album, file), '')
    symlinkSync(album, join(album, 'b', 'loop'))
    symlinkSync(join(album, 'a'), join(album, 'link-to-a'))
    symlinkSync(join(album, 'img2.JPG'), join(album, 'linked.jpg'))
    symlinkSync(join(folder, 'nowhere'), join(album, 'broken.jpg'))
  })

  it('is walked in natural order, by extension in any case, links followed, loops survived', async () => {
    const paths = (await pathsOf(album)).map((path) => relative(album, path))
    expect(paths).toEqual([
      'a/deeper/y.bmp',
      'a/x.PnG',
      'b/z.WEBP',
      'broken.jpg',
      'größe.jpg',
      'IMG1.jpeg',
      'img2.JPG',
      'img10.jpg',
      'link-to-a/deeper/y.bmp',
      'link-to-a/x.PnG',
      'linked.jpg',
    ])
  })

  it('may be empty', async () => {
    expect(await pathsOf(join(album, 'empty'))).toEqual([])
  })
})

describe('a list', () => {
  it('takes CRLF, blank lines, a byte order mark, spaces in names and no end of line at the end', async () => {
    const path = list('list.txt', '\ufeffa.jpg\r\n\r\n  \nsub dir/b c.png\n/abs/ü.webp\r\n../up.bmp')
    expect(await pathsOf(path)).toEqual([
      join(folder, 'a.jpg'),
      join(folder, 'sub dir/b c.png'),
      '/abs/ü.webp',
      join(folder, '../up.bmp'),
    ])
  })

  it('may be empty', async () => {
    expect(await pathsOf(list('empty.txt', ''))).toEqual([])
  })

  it('is read the same however its bytes are cut', async () => {
    const bytes = Buffer.from('\ufeffgröße/😀.jpg\r\n\r\nb.jpg\n\nc.jpg\r\n')
    for (let size = 1; size <= 7; size++) {
      const chunks = function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
      }
      const lines: string[] = []
      for await (const some of linesOf(Readable.from(chunks()), 'list')) lines.push(...some)
      expect(lines, `cut every ${size} bytes`).toEqual(['größe/😀.jpg', '', 'b.jpg', '', 'c.jpg', ''])
    }
  })

  it('is not held: two million lines pass with little memory', async () => {
    const path = list('many.txt', 'some/folder/with/a/face.jpg\n'.repeat(2_000_000))
    const before = process.memoryUsage().heapUsed
    let count = 0
    let most = 0
    for await (const batch of imageList(path, { batchSize: 1000 })) {
      count += (batch as PathBatch).paths.length
      most = Math.max(most, process.memoryUsage().heapUsed - before)
    }
    expect(count).toBe(2_000_000)
    expect(most).toBeLessThan(150 * 2 ** 20)
  })

  it('that is no text is refused, naming it', async () => {
    const binary = list('model.onnx', Buffer.from([8, 7, 0, 0, 1]))
    await expect(pathsOf(binary)).rejects.toMatchObject({
      code: 'INPUT_LIST',
      message: expect.stringContaining(binary),
    })
    const endless = list('endless.txt', 'x'.repeat(200_000))
    await expect(pathsOf(endless)).rejects.toMatchObject({ code: 'INPUT_LIST' })
  })
})

it('refuses what is not there, and a single image, with the fix', async () => {
  await expect(pathsOf(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'INPUT_MISSING' })
  await expect(pathsOf(list('one.jpg', 'x'))).rejects.toThrow(/is an image. Give its folder/)
})
