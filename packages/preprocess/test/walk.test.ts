import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { imageList, type ImageError, type PassedOver } from '../src/index.js'
import { Counts } from '../src/passed-over.js'
import { walk } from '../src/walk.js'

const folder = mkdtempSync(join(tmpdir(), 'facekit-walk-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function tree(name: string, files: readonly string[]): string {
  const root = join(folder, name)
  for (const file of files) {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), '')
  }
  return root
}

/** All that a walk gives: images from the folder on, what failed by its position, what was told. */
async function walked(root: string, batchSize = 2) {
  const unlisted: string[] = []
  let passedOver: PassedOver | undefined
  const list = imageList(root, {
    batchSize,
    onUnlisted: ({ path }) => unlisted.push(relative(root, path)),
    onPassedOver: (what) => (passedOver = what),
  })
  const batches = await list.toArray()
  return {
    indices: batches.flatMap(({ indices }) => [...indices]),
    paths: batches.flatMap(({ paths }) => paths.map((path) => relative(root, path))),
    failed: batches.flatMap(({ failed }) =>
      failed.map(({ index, path, reason }) => [index, relative(root, path), reason]),
    ),
    unlisted,
    passedOver,
  }
}

const NOT_UTF8 = 'its name, or that of a folder above it, is not UTF-8: rename it'

describe('a walk', () => {
  it('goes on where a folder is gone, which counts as an image that failed', async () => {
    const root = tree('gone', ['a.jpg', 'b/c.jpg', 'd/e.jpg', 'f.jpg'])
    const found: (string | ImageError)[] = []
    const passedOver = { files: new Counts(), folders: new Counts(), lines: new Counts() }
    const unlisted: string[] = []
    const images = walk(root, {
      isWanted: (name) => {
        if (name === 'a.jpg') rmSync(join(root, 'b'), { recursive: true })
        return true
      },
      signal: new AbortController().signal,
      passedOver,
      onUnlisted: ({ message }) => unlisted.push(message),
    })
    for await (const some of images) found.push(...some)
    const message = `${join(root, 'b')}: a folder that cannot be listed: it is gone`
    expect(found.map((one) => (typeof one === 'string' ? relative(root, one) : one.message))).toEqual([
      'a.jpg',
      message,
      'd/e.jpg',
      'f.jpg',
    ])
    expect(unlisted).toEqual([message])
  })

  it('goes on where a path is too long, and counts the folder in its place', async () => {
    const root = tree('long', ['a.jpg', 'z.jpg'])
    const deep = (name: string) => join(folder, name, ...Array<string>(12).fill('x'.repeat(200)))
    mkdirSync(deep('inner'), { recursive: true })
    writeFileSync(join(deep('inner'), 'lost.jpg'), '')
    mkdirSync(deep('long/outer'), { recursive: true })
    renameSync(join(folder, 'inner'), join(deep('long/outer'), 'inner'))
    // Back, so that it can be removed.
    onTestFinished(() => renameSync(join(deep('long/outer'), 'inner'), join(folder, 'inner')))
    const { indices, paths, failed, unlisted } = await walked(root)
    expect(paths).toEqual(['a.jpg', 'z.jpg'])
    expect(indices).toEqual([0, 2])
    expect(failed).toEqual([[1, unlisted[0], 'a folder that cannot be listed: its path is too long']])
  })

  it.skipIf(process.getuid?.() === 0)('goes on where a folder may not be listed', async () => {
    const root = tree('denied', ['a.jpg', 'b/c.jpg'])
    const elsewhere = tree('elsewhere', ['inner/d.jpg'])
    symlinkSync(join(elsewhere, 'inner'), join(root, 'link'))
    symlinkSync(join(elsewhere, 'inner/d.jpg'), join(root, 'link.jpg'))
    mkdirSync(join(root, 'locked'), { mode: 0 })
    chmodSync(elsewhere, 0)
    const { paths, failed } = await walked(root)
    for (const closed of [elsewhere, join(root, 'locked')]) chmodSync(closed, 0o700)
    expect(paths).toEqual(['a.jpg', 'b/c.jpg', 'link.jpg'])
    expect(failed).toEqual([
      [2, 'link', 'a folder that cannot be listed: permission denied'],
      [4, 'locked', 'a folder that cannot be listed: permission denied'],
    ])
  })

  it('fails where the folder itself cannot be listed', async () => {
    const passedOver = { files: new Counts(), folders: new Counts(), lines: new Counts() }
    const signal = new AbortController().signal
    const images = walk(join(folder, 'nothing'), { isWanted: () => true, signal, passedOver })
    await expect(images.next()).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })

  it.skipIf(process.platform !== 'linux')('counts images whose name is not UTF-8 as failed', async () => {
    const root = tree('bytes', ['a.jpg', 'z.jpg', 'real-\ufffd.jpg'])
    const bytes = (...parts: string[]) => Buffer.from(join(root, ...parts), 'latin1')
    writeFileSync(bytes('gr\xf6\xdfe.jpg'), '')
    writeFileSync(bytes('n\xf6tes.txt'), '')
    mkdirSync(bytes('m\xe4rz/sub'), { recursive: true })
    mkdirSync(bytes('m\xe4rz/.hidden'))
    writeFileSync(bytes('m\xe4rz/1.jpg'), '')
    writeFileSync(bytes('m\xe4rz/sub/2.png'), '')
    writeFileSync(bytes('m\xe4rz/.hidden/3.png'), '')
    symlinkSync(join(root, 'a.jpg'), bytes('m\xe4rz/link.jpg'))
    const { indices, paths, failed, passedOver, unlisted } = await walked(root)
    expect(paths).toEqual(['a.jpg', 'real-\ufffd.jpg', 'z.jpg'])
    expect(failed).toEqual([
      [1, 'gr\ufffd\ufffde.jpg', NOT_UTF8],
      [2, 'm\ufffdrz/1.jpg', NOT_UTF8],
      [3, 'm\ufffdrz/link.jpg', NOT_UTF8],
      [4, 'm\ufffdrz/sub/2.png', NOT_UTF8],
    ])
    expect(indices).toEqual([0, 5, 6])
    expect(unlisted).toEqual([])
    expect(passedOver?.files.kinds).toEqual([{ kind: '.txt', count: 1 }])
    expect(passedOver?.folders.kinds).toEqual([{ kind: '.hidden', count: 1 }])
    rmSync(bytes('m\xe4rz'), { recursive: true })
  })

  it('passes over what is nobody’s picture, and counts it', async () => {
    const root = tree('crops', [
      'a.jpg',
      'b.JFIF',
      'c.jpe',
      '.hidden.jpg',
      '._a.jpg',
      'd.HEIC',
      'e.avif',
      'f.gif',
      'g.tif',
      'h.heic',
      'README',
      '.ipynb_checkpoints/a-checkpoint.jpg',
      'sub/.ipynb_checkpoints/a-checkpoint.jpg',
      'sub/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg',
      '__MACOSX/._b.jpg',
      '.thumbnails/a.png',
      '.Trash-1000/files/a.jpg',
      '#recycle/a.jpg',
      '$RECYCLE.BIN/a.jpg',
      '@home/a.jpg',
    ])
    const { paths, failed, passedOver } = await walked(root)
    expect(paths).toEqual(['.hidden.jpg', '@home/a.jpg', 'a.jpg', 'b.JFIF', 'c.jpe'])
    expect(failed).toEqual([])
    const counted = (counts: Counts | undefined) =>
      Object.fromEntries(counts?.kinds.map(({ kind, count }) => [kind, count]) ?? [])
    expect(counted(passedOver?.files)).toEqual({
      '._*': 1,
      '.heic': 2,
      '.avif': 1,
      '.gif': 1,
      '.tif': 1,
      'no extension': 1,
    })
    expect(counted(passedOver?.folders)).toEqual({
      '.ipynb_checkpoints': 2,
      '@eaDir': 1,
      __MACOSX: 1,
      '.thumbnails': 1,
      '.Trash-1000': 1,
      '#recycle': 1,
      '$RECYCLE.BIN': 1,
    })
    expect(passedOver?.files.total).toBe(7)
    expect(passedOver?.folders.total).toBe(8)
  })

  it('takes a hidden folder that it is given, and one that a link leads to', async () => {
    const root = tree('linked/.store', ['a.jpg', '.cache/b.jpg', '.cache/deeper/c.jpg'])
    symlinkSync(join(root, '.cache'), join(root, 'l'))
    symlinkSync(join(root, '.cache/deeper'), join(root, 'm'))
    expect((await walked(root)).paths).toEqual(['a.jpg', 'l/b.jpg', 'l/deeper/c.jpg'])
  })

  it('counts more kinds than it tells apart', () => {
    const counts = new Counts()
    for (let i = 0; i < 5000; i++) counts.add(`.${i}`)
    counts.add('.7')
    expect(counts.total).toBe(5001)
    expect(counts.kinds.length).toBeLessThan(5000)
    expect(counts.kinds[0]).toEqual({ kind: '.7', count: 2 })
  })
})
