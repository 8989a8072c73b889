import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NO_CLASS } from '@facekit/core'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { writeLabels, type LabelWriter } from '../src/index.js'
import {
  closing,
  clusteringOf,
  decodeGrey,
  labelOptions,
  pathSource,
  temporaryFolder,
  visible,
  write,
} from './fixtures.js'

/** Writes labels of one class of `paths` and lists its previews. */
async function previewsOf(paths: readonly string[]): Promise<string[]> {
  const output = await temporaryFolder()
  await write(output, clusteringOf(paths.map(() => 0)), {
    paths: pathSource(paths),
    previews: { groups: 1, decode: decodeGrey },
  })
  return (await readdir(join(output, 'group_0000'))).sort()
}

async function groupFolders(output: string): Promise<string[]> {
  return (await readdir(output)).filter((name) => name.startsWith('group_')).sort()
}

describe('names of previews', () => {
  it.each([
    [
      'the same name in several folders',
      ['/a/x.png', '/b/x.png', '/c/x.png'],
      ['x.jpg', 'x_2.jpg', 'x_3.jpg'],
    ],
    ['names that differ only in their extension', ['x.png', 'x.JPEG'], ['x.jpg', 'x_2.jpg']],
    ['names that differ only in letter case', ['/a/Eva.png', '/b/EVA.png'], ['EVA_2.jpg', 'Eva.jpg']],
    [
      'names that differ only in Unicode form',
      ['/a/\u00e9.png', '/b/e\u0301.png'],
      ['e\u0301_2.jpg', '\u00e9.jpg'],
    ],
    [
      'a number that another image bears, before',
      ['a_2.png', 'a.png', '/b/A.png'],
      ['A_3.jpg', 'a.jpg', 'a_2.jpg'],
    ],
    [
      'a number that another image bears, after',
      ['a.png', '/b/a.png', 'a_2.png'],
      ['a.jpg', 'a_2.jpg', 'a_2_2.jpg'],
    ],
    ['names with dots', ['/a/x.y.png', '/a/.png'], ['.png.jpg', 'x.y.jpg']],
    ['no name at all', ['', '/'], ['image.jpg', 'image_2.jpg']],
  ])('%s', async (_case, paths, expected) => {
    expect(await previewsOf(paths)).toEqual([...expected].sort())
  })

  it('fit a file system, however long the originals are', async () => {
    const stem = '人'.repeat(80) + '🙂'
    const names = await previewsOf([`/a/${stem}1.png`, `/a/${stem}2.png`])
    expect(names.length).toBe(2)
    for (const name of names) {
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
      expect(name).toMatch(/^人+(_2)?\.jpg$/)
    }
  })
})

describe('previews', () => {
  it('are JPEG, 112×112, of what was decoded', async () => {
    const output = await temporaryFolder()
    const colours = { '/a.png': [200, 30, 60], '/b.png': [10, 160, 220] }
    const summary = await write(output, clusteringOf([0, 1]), {
      paths: pathSource(Object.keys(colours)),
      previews: {
        groups: 50,
        decode: async (path) =>
          Uint8Array.from({ length: 112 * 112 * 3 }, (_, i) => colours[path as keyof typeof colours][i % 3]!),
      },
    })
    expect(summary).toMatchObject({ previews: 2, failedPreviews: 0 })
    for (const [file, colour] of [
      ['group_0000/a.jpg', colours['/a.png']],
      ['group_0001/b.jpg', colours['/b.png']],
    ] as const) {
      const image = sharp(await readFile(join(output, file)))
      expect(await image.metadata()).toMatchObject({ format: 'jpeg', width: 112, height: 112, channels: 3 })
      const pixels = await image.raw().toBuffer()
      colour.forEach((value, channel) => expect(Math.abs(pixels[channel]! - value)).toBeLessThanOrEqual(4))
    }
  })

  it('show the first ten images of a class in the order of the rows, without duplicates', async () => {
    const output = await temporaryFolder()
    // Classes take turns; every third row of the first 15 is a duplicate of row 0.
    const classOf: number[] = []
    for (let row = 0; row < 60; row++) classOf.push(row > 0 && row < 15 && row % 3 === 0 ? NO_CLASS : row % 2)
    const duplicateOf = classOf.map((number) => (number === NO_CLASS ? 0 : -1))
    const paths = classOf.map((_, row) => `/faces/${String(row).padStart(2, '0')}.png`)
    const decoded: string[] = []
    const summary = await write(output, clusteringOf(classOf, duplicateOf), {
      paths: pathSource(paths, 7),
      previews: {
        groups: 2,
        decode: async (path) => {
          decoded.push(path)
          return decodeGrey()
        },
      },
    })
    expect(summary.previews).toBe(20)
    const first = (number: number) => paths.filter((_, row) => classOf[row] === number).slice(0, 10)
    for (const number of [0, 1]) {
      expect((await readdir(join(output, `group_000${number}`))).sort()).toEqual(
        first(number).map((path) => path.slice('/faces/'.length, -'.png'.length) + '.jpg'),
      )
    }
    // Nothing else was decoded.
    expect(decoded.sort()).toEqual([...first(0), ...first(1)].sort())
  })

  it.each([
    [0, []],
    [1, ['group_0000']],
    [3, ['group_0000', 'group_0001', 'group_0002']],
    [50, ['group_0000', 'group_0001', 'group_0002']],
  ])('of the largest %i of 3 classes', async (groups, folders) => {
    const output = await temporaryFolder()
    const summary = await write(output, clusteringOf([0, 1, 2, 0, 1, 0]), {
      previews: { groups, decode: decodeGrey },
    })
    expect(await groupFolders(output)).toEqual(folders)
    expect(summary.files.slice(4)).toEqual(folders)
    expect(summary.previews).toBe([0, 3, 5, 6][folders.length])
  })

  it('count and skip an image that does not decode', async () => {
    const output = await temporaryFolder()
    const summary = await write(output, clusteringOf([0, 0, 0, 1]), {
      previews: {
        groups: 50,
        decode: async (path) => {
          if (path === '/faces/1.png' || path === '/faces/3.png') throw new Error('truncated')
          return decodeGrey()
        },
      },
    })
    expect(summary).toMatchObject({ classes: 2, labelled: 4, previews: 2, failedPreviews: 2 })
    expect((await readdir(join(output, 'group_0000'))).sort()).toEqual(['0.jpg', '2.jpg'])
  })
})

describe('a preview that cannot be written', () => {
  /** Takes the folder away from under the preview of one image. */
  const sabotage = (output: string, image: string) => async (path: string) => {
    if (path === image) {
      const pending = (await readdir(output)).find((name) => name.startsWith('.facekit-'))!
      await rm(join(output, pending, 'group_0001'), { recursive: true })
    }
    return decodeGrey()
  }

  it('costs all previews, those of an earlier run too, and never the labels', async () => {
    const output = await temporaryFolder()
    const clustering = clusteringOf([0, 0, 0, 1, 1, 2])
    await write(output, clustering, { previews: { groups: 50, decode: decodeGrey } })
    const summary = await write(output, clustering, {
      previews: { groups: 50, decode: sabotage(output, '/faces/4.png') },
    })
    expect(summary).toMatchObject({ classes: 3, labelled: 6, previews: 0, failedPreviews: 0 })
    expect(summary.previewsGivenUp).toMatch(/ENOENT/)
    expect(summary.files).toHaveLength(4)
    expect(await visible(output)).toEqual(summary.files.toSorted())
  })
})

it('one image is decoded at a time, and none after the end', async () => {
  const output = await temporaryFolder()
  const clustering = clusteringOf([0, 0, 0, 0, 1, 1, 1])
  let decoding = 0
  let decoded = 0
  const stage: LabelWriter = writeLabels(
    labelOptions(output, clustering, {
      previews: {
        groups: 2,
        async decode() {
          expect(++decoding).toBe(1)
          await sleep(2)
          decoding--
          if (++decoded === 5) stage.destroy()
          return decodeGrey()
        },
      },
    }),
  )
  const closed = closing(stage)
  stage.end(clustering)
  await closed
  expect(decoded).toBe(5)
  expect(await readdir(output)).toEqual([])
})

describe('a second run into the same folder', () => {
  const show = (groups: number) => ({ previews: { groups, decode: decodeGrey } })

  it('takes the place of the first, and touches nothing else', async () => {
    const output = await temporaryFolder()
    const first = await write(output, clusteringOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), show(50))
    expect(first.removed).toEqual([])
    await writeFile(join(output, 'group_0007', 'notes.txt'), 'mine')
    for (const folder of ['group_photos', 'group_0042', 'group_00001', 'other']) {
      await mkdir(join(output, folder))
      await writeFile(join(output, folder, 'a.jpg'), 'mine')
    }
    await writeFile(join(output, 'group_0099'), 'mine')
    await writeFile(join(output, 'fr_train_5_class_9_data_classes.npy'), 'mine')

    const { files, removed } = await write(output, clusteringOf([0, 0, 1, NO_CLASS, NO_CLASS, 0]), show(1))
    expect(removed).toEqual([
      'fr_train_11_class_11_data_classes.npy',
      'fr_train_11_class_11_data_data_list.npy',
    ])
    const mine = ['group_photos', 'group_0042', 'group_00001', 'other', 'group_0099', 'group_0007']
    expect(await visible(output)).toEqual([...files, ...mine, 'fr_train_5_class_9_data_classes.npy'].sort())
    expect((await readdir(join(output, 'group_0000'))).sort()).toEqual(['0.jpg', '1.jpg', '5.jpg'])
    expect(await readdir(join(output, 'group_0007'))).toEqual(['notes.txt'])
    expect(await readFile(join(output, 'group_0042', 'a.jpg'), 'utf8')).toBe('mine')

    await write(output, clusteringOf([0]), show(0))
    expect(await groupFolders(output)).not.toContain('group_0000')
  })

  it.each([
    ['that we did not make', 'group_0002', 'photo.jpg'],
    ['that holds what we did not make', 'group_0001', 'notes.txt'],
  ])('refuses, before it is given anything, a folder in its way %s', async (_case, name, file) => {
    const output = await temporaryFolder()
    await write(output, clusteringOf([0, 1]), show(2))
    await mkdir(join(output, name), { recursive: true })
    await writeFile(join(output, name, file), 'mine')
    const before = (await readdir(output, { recursive: true })).sort()

    const stage = writeLabels(labelOptions(output, clusteringOf([0]), show(50)))
    expect(await closing(stage)).toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining(join(output, name)) as string,
    })
    expect((await readdir(output, { recursive: true })).sort()).toEqual(before)
    // Out of the way of fewer previews.
    await write(output, clusteringOf([0]), show(1))
    expect(await readFile(join(output, name, file), 'utf8')).toBe('mine')
  })

  it('that fails leaves the first one as it was', async () => {
    const output = await temporaryFolder()
    const previews = { groups: 5, decode: decodeGrey }
    const clustering = clusteringOf([0, 0, 1])
    await write(output, clustering, { previews })
    const before = (await readdir(output, { recursive: true })).sort()
    await expect(
      write(output, clusteringOf([0]), { previews, paths: pathSource(['a', 'b']) }),
    ).rejects.toMatchObject({ code: 'LABEL_ROWS' })
    expect((await readdir(output, { recursive: true })).sort()).toEqual(before)
  })
})
