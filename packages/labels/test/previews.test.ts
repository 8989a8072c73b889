import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NO_CLASS } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { writeLabels, type LabelWriter } from '../src/index.js'
import {
  closing,
  clusteringOf,
  decodeGrey,
  embeddingsOf,
  labelOptions,
  pathSource,
  plane,
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
      ['01_typical_x.jpg', '02_typical_x.jpg', '03_atypical_x.jpg'],
    ],
    [
      'names that differ only in their extension',
      ['x.png', 'x.JPEG'],
      ['01_typical_x.jpg', '02_atypical_x.jpg'],
    ],
    [
      'names that differ only in letter case',
      ['/a/Eva.png', '/b/EVA.png'],
      ['01_typical_Eva.jpg', '02_atypical_EVA.jpg'],
    ],
    ['names with dots', ['/a/x.y.png', '/a/.png'], ['01_typical_x.y.jpg', '02_atypical_.png.jpg']],
    ['no name at all', ['', '/'], ['01_typical_image.jpg', '02_atypical_image.jpg']],
    ['one image', ['/a/eva.png'], ['01_typical_eva.jpg']],
  ])('%s', async (_case, paths, expected) => {
    expect(await previewsOf(paths)).toEqual(expected)
  })

  it('fit a file system, however long the originals are', async () => {
    const stem = '人'.repeat(80) + '🙂'
    const names = await previewsOf([`/a/${stem}1.png`, `/a/${stem}2.png`])
    expect(names.length).toBe(2)
    for (const name of names) {
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
      expect(name).toMatch(/^0[12]_a?typical_人+\.jpg$/)
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
      ['group_0000/01_typical_a.jpg', colours['/a.png']],
      ['group_0001/01_typical_b.jpg', colours['/b.png']],
    ] as const) {
      const image = sharp(await readFile(join(output, file)))
      expect(await image.metadata()).toMatchObject({ format: 'jpeg', width: 112, height: 112, channels: 3 })
      const pixels = await image.raw().toBuffer()
      colour.forEach((value, channel) => expect(Math.abs(pixels[channel]! - value)).toBeLessThanOrEqual(4))
    }
  })

  /** Image `row` of a class in the plane, `degrees` from the others. */
  const shownOf = async (degrees: readonly number[], classOf = degrees.map(() => 0), batchRows = 7) => {
    const output = await temporaryFolder()
    const decoded: string[] = []
    const paths = degrees.map((_, row) => `/faces/${row}.png`)
    await write(output, clusteringOf(classOf), {
      paths: pathSource(paths, batchRows),
      embeddings: embeddingsOf(degrees.length, 2, (row) => plane(degrees[row]!)),
      previews: {
        groups: 1,
        decode: async (path) => {
          decoded.push(path)
          return decodeGrey()
        },
      },
    })
    return { shown: (await readdir(join(output, 'group_0000'))).sort(), decoded }
  }
  const named = (rows: readonly number[]) =>
    rows.map((row, place) => {
      const which = place < rows.length / 2 ? 'typical' : 'atypical'
      return `${String(place + 1).padStart(2, '0')}_${which}_${row}.jpg`
    })

  it('show the five most typical images of a class and the five least, and decode no others', async () => {
    // Image i is i degrees from the mean, but for an odd one; every fourth row is of another class.
    const degrees = Array.from({ length: 31 }, (_, row) => (row % 2 === 0 ? row : -row))
    degrees[9] = 80
    degrees[10] = -80
    const classOf = degrees.map((_, row) => Number(row % 4 === 3))
    const { shown, decoded } = await shownOf(degrees, classOf)
    const inClass = degrees.map((_, row) => row).filter((row) => classOf[row] === 0)
    const vectors = degrees.map(plane)
    const sum = (axis: 0 | 1) => inClass.reduce((total, row) => total + vectors[row]![axis], 0)
    const cosine = (row: number) => sum(0) * vectors[row]![0] + sum(1) * vectors[row]![1]
    const ordered = inClass.toSorted((a, b) => cosine(b) - cosine(a))
    const expected = [...ordered.slice(0, 5), ...ordered.slice(-5)]
    expect(shown).toEqual(named(expected))
    expect(expected.slice(-2).sort()).toEqual([10, 9])
    expect(decoded).toEqual(expected.map((row) => `/faces/${row}.png`))
  })

  it('show all of ten images, the most typical first', async () => {
    const { shown } = await shownOf([40, 1, -30, 0, 20, 3, -60, -10, 11, 70])
    // The mean is at 4.4 degrees.
    expect(shown).toEqual(named([5, 1, 3, 8, 7, 4, 2, 0, 6, 9]))
  })

  it('show the same images of a large class each time, whatever the batches of paths, and an odd one', async () => {
    const random = seededRandom(3)
    const degrees = Array.from({ length: 5000 }, () => 40 * (random() - 0.5))
    const first = await shownOf(degrees)
    const again = await shownOf(degrees, undefined, 1000)
    expect(again).toEqual(first)
    const shown = first.decoded.map((path) => Math.abs(degrees[Number(/\d+/.exec(path))]!))
    expect(Math.max(...shown.slice(0, 5))).toBeLessThan(1)
    expect(Math.min(...shown.slice(5))).toBeGreaterThan(19)
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
    expect(summary.files.slice(5)).toEqual(folders)
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
    expect((await readdir(join(output, 'group_0000'))).sort()).toEqual([
      '01_typical_0.jpg',
      '03_atypical_2.jpg',
    ])
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
    expect(summary.files).toHaveLength(5)
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
    expect((await readdir(join(output, 'group_0000'))).sort()).toEqual([
      '01_typical_0.jpg',
      '02_typical_1.jpg',
      '03_atypical_5.jpg',
    ])
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
