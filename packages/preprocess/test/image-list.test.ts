import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { batchSource } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkInput, imageList } from '../src/index.js'
import { linesOf } from '../src/lines.js'
import { Counts } from '../src/passed-over.js'
import { walk } from '../src/walk.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-list-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function pathsOf(input: string, batchSize = 3): Promise<string[]> {
  const batches = await imageList(input, { batchSize }).toArray()
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
    // Elsewhere, with a way back.
    mkdirSync(join(folder, 'elsewhere/inner'), { recursive: true })
    writeFileSync(join(folder, 'elsewhere/inner/i.jpg'), '')
    writeFileSync(join(folder, 'elsewhere/o.jpg'), '')
    symlinkSync(folder, join(folder, 'elsewhere/up'))
    symlinkSync(join(folder, 'elsewhere/inner'), join(album, 'link1'))
    symlinkSync(join(folder, 'elsewhere'), join(album, 'link2'))
    symlinkSync(join(folder, 'elsewhere/inner'), join(album, 'link3'))
  })

  it('is walked in natural order, by extension in any case, each folder once, links or not', async () => {
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
      'link1/i.jpg',
      'link2/o.jpg',
      'linked.jpg',
    ])
  })

  it('may be empty', async () => {
    expect(await pathsOf(join(album, 'empty'))).toEqual([])
  })

  it('may be full of links to one another', async () => {
    const mesh = join(folder, 'mesh')
    const names = Array.from({ length: 9 }, (_, i) => `folder${i}`)
    for (const name of names) {
      mkdirSync(join(mesh, name), { recursive: true })
      writeFileSync(join(mesh, name, 'face.jpg'), '')
      for (const other of names) symlinkSync(join('..', other), join(mesh, name, `to-${other}`))
    }
    const expected = names.map((name) => `${name}/face.jpg`)
    expect((await pathsOf(mesh)).map((path) => relative(mesh, path))).toEqual(expected)
  })

  it('leaves out the previews that a clustering made in it, says so, and takes all else', async () => {
    const root = join(folder, 'crops')
    for (const sub of ['labels/group_0000', 'labels/group_0001', 'group_0000'])
      mkdirSync(join(root, sub), { recursive: true })
    for (const file of [
      'a.jpg',
      'labels/group_0000/a.jpg',
      'labels/group_0001/mine.jpg',
      'group_0000/mine.jpg',
    ])
      writeFileSync(join(root, file), '')
    const record = { version: 2, labels: { 'group_0000/a.jpg': 0, 'clustering_result.txt': 1 } }
    writeFileSync(join(root, 'labels/.facekit.json'), JSON.stringify(record))
    // Somebody else's file of the same name says nothing about ordinary folders.
    writeFileSync(join(root, '.facekit.json'), '{"labels": {"labels/x.jpg": 0}, "files": 3}')
    const leftOut: string[] = []
    const batches = imageList(root, { batchSize: 9, onLeftOut: (name) => leftOut.push(name) })
    expect((await batches.toArray()).flatMap(({ paths }) => paths)).toEqual(
      ['a.jpg', 'group_0000/mine.jpg', 'labels/group_0001/mine.jpg'].map((name) => join(root, name)),
    )
    expect(leftOut).toEqual([join(root, 'labels')])
  })

  it('leaves out previews also of a clustering that was killed while it moved them there', async () => {
    const root = join(folder, 'killed')
    for (const sub of ['.facekit-run', 'group_0000', 'group_0001'])
      mkdirSync(join(root, sub), { recursive: true })
    for (const file of ['a.jpg', 'group_0000/a.jpg', 'group_0001/a.jpg']) writeFileSync(join(root, file), '')
    const record = (group: string) => JSON.stringify({ version: 2, labels: { [`${group}/a.jpg`]: 0 } })
    writeFileSync(join(root, '.facekit.json'), record('group_0000'))
    writeFileSync(join(root, '.facekit-run/.facekit.json'), record('group_0001'))
    expect(await pathsOf(root)).toEqual([join(root, 'a.jpg')])
  })

  it('gives paths that lead where the system goes, also from a link/..', async () => {
    mkdirSync(join(folder, 'far/near'), { recursive: true })
    writeFileSync(join(folder, 'far/face.jpg'), '')
    symlinkSync(join(folder, 'far/near'), join(folder, 'near'))
    const input = `${folder}/near/..`
    expect(await pathsOf(input)).toEqual([`${input}/face.jpg`])
  })

  it('is left at once, however long the walk would be', async () => {
    let names = 0
    const isWanted = () => {
      if (++names === 2) walking.destroy()
      return true
    }
    const passedOver = { files: new Counts(), folders: new Counts(), lines: new Counts() }
    const walking = batchSource((signal) => walk(album, { isWanted, signal, passedOver }))
    walking.resume()
    await once(walking, 'close')
    expect(names).toBe(2)
  })
})

describe('a list', () => {
  it('takes CRLF, blank lines, a byte order mark, spaces in names and no end of line at the end', async () => {
    const path = list('list.txt', '\ufeffa.jpg\r\n\r\n  \nsub dir/b c.png\n/abs/ü.webp\r\n')
    expect(await pathsOf(path)).toEqual([`${folder}/a.jpg`, `${folder}/sub dir/b c.png`, '/abs/ü.webp'])
  })

  it('names files as it is written: what comes before .. may be a link', async () => {
    const path = list('dots.txt', '../up.bmp\nlink/../b.jpg\n/abs/link/../c.jpg\n/abs//d.jpg\n./e.jpg')
    const expected = ['../up.bmp', 'link/../b.jpg'].map((line) => `${folder}/${line}`)
    expected.push('/abs/link/../c.jpg', '/abs//d.jpg', `${folder}/./e.jpg`)
    expect(await pathsOf(path)).toEqual(expected)
    const through = `${folder}/no/../dots.txt`
    mkdirSync(join(folder, 'no'), { recursive: true })
    expect((await pathsOf(through))[0]).toBe(`${folder}/no/../../up.bmp`)
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
      count += batch.paths.length
      most = Math.max(most, process.memoryUsage().heapUsed - before)
    }
    expect(count).toBe(2_000_000)
    expect(most).toBeLessThan(150 * 2 ** 20)
  })

  it('of any bytes is paths, or refused by its name', async () => {
    const random = seededRandom(4)
    const byte = () =>
      [0, 9, 10, 13, 32, 0x2f, 0x61, 0x80, 0xc3, 0xbf, 0xef, 0xff][Math.floor(random() * 12)]!
    for (let round = 0; round < rounds(200, 20_000); round++) {
      const path = list('any.txt', Buffer.from(Array.from({ length: Math.floor(random() * 200) }, byte)))
      await pathsOf(path).then(
        (paths) => expect(paths.every((one) => one.startsWith('/') && !one.includes('\0'))).toBe(true),
        (error: unknown) =>
          expect(error).toMatchObject({
            code: 'INPUT_LIST',
            message: expect.stringContaining(path) as string,
          }),
      )
    }
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
  await expect(checkInput(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'INPUT_MISSING' })
  await expect(checkInput(join(folder, 'one.jpg'))).rejects.toMatchObject({ code: 'INPUT_LIST' })
  for (const input of ['-', folder, list('fine.txt', '')]) await checkInput(input)
})
