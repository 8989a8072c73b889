import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS } from '@facekit/core'
import { describe, expect, it } from 'vitest'
import { writeLabels } from '../src/index.js'
import { closing, clusteringOf, labelOptions, readJson, temporaryFolder, visible, write } from './fixtures.js'

/** `labelled` images in `classes` classes; the first one takes what is left over. */
function spread(classes: number, labelled: number): Int32Array {
  return Int32Array.from({ length: labelled }, (_, row) => (row < classes ? row : 0))
}

describe('names of the label files', () => {
  it.each([
    [0, 0, '0', '0'],
    [1, 1, '1', '1'],
    [999, 999, '999', '999'],
    [999, 1000, '999', '1K'],
    [1000, 1999, '1K', '1K'],
    [12_345, 35_999, '12K', '35K'],
  ])('%i classes of %i images', async (classes, labelled, c, d) => {
    const output = await temporaryFolder()
    const summary = await write(output, clusteringOf(spread(classes, labelled)))
    const names = [
      `fr_train_${c}_class_${d}_data_classes.npy`,
      `fr_train_${c}_class_${d}_data_data_list.npy`,
      'clustering_result.txt',
      'assignments.parquet',
      'duplicates.csv',
    ]
    expect(await visible(output)).toEqual([...names].sort())
    expect(summary).toMatchObject({
      classes,
      labelled,
      duplicates: 0,
      previews: 0,
      failedPreviews: 0,
      files: names,
      removed: [],
      kept: [],
    })
  })

  it('count only images that are in a class', async () => {
    const output = await temporaryFolder()
    const classOf = [...spread(3, 999), NO_CLASS, NO_CLASS]
    const duplicateOf = [...Array<number>(999).fill(-1), 0, -1]
    const { files, ...counts } = await write(output, clusteringOf(classOf, duplicateOf))
    expect(files[0]).toBe('fr_train_3_class_999_data_classes.npy')
    expect(counts).toMatchObject({ classes: 3, labelled: 999, duplicates: 1 })
  })
})

describe('clustering_result.txt', () => {
  // Sizes 12, 2, 2, 1; two duplicates, one image in no class.
  const classOf = [...Array<number>(12).fill(0), 1, 1, 2, 2, 3, NO_CLASS, NO_CLASS, NO_CLASS]
  const duplicateOf = [...Array<number>(17).fill(-1), 0, 3, -1]
  const sizes = 'Cluster distribution:\n Size 1: 1 group(s)\n Size 2: 2 group(s)\n Size 12: 1 group(s)\n'

  it.each([
    [true, `${sizes}Removed 2 duplicate images\n`],
    [false, sizes],
  ])('with removedDuplicates %s', async (removedDuplicates, expected) => {
    const output = await temporaryFolder()
    await write(output, clusteringOf(classOf, duplicateOf), { removedDuplicates })
    expect(await readFile(join(output, 'clustering_result.txt'), 'utf8')).toBe(expected)
  })

  it('says that no duplicates were removed where they were looked for', async () => {
    const output = await temporaryFolder()
    await write(output, clusteringOf([]))
    expect(await readFile(join(output, 'clustering_result.txt'), 'utf8')).toBe(
      'Cluster distribution:\nRemoved 0 duplicate images\n',
    )
  })
})

describe('label arrays', () => {
  it('list the classes by number, with four digits at least', async () => {
    const output = await temporaryFolder()
    const { files } = await write(output, clusteringOf(spread(10_001, 10_001)))
    const names = (await readJson(output, files[0]!)) as string[]
    expect(names.length).toBe(10_001)
    expect([0, 9, 10, 9_999, 10_000].map((number) => names[number])).toEqual([
      'group_0000',
      'group_0009',
      'group_0010',
      'group_9999',
      'group_10000',
    ])
    const records = await readJson(output, files[1]!)
    expect(records).toHaveLength(10_001)
    expect((records as unknown[])[10_000]).toEqual({ folder: 'group_10000', file_path: '/faces/10000.png' })
  })

  it('list the images in a class in the order of the rows', async () => {
    const output = await temporaryFolder()
    // Row 1 is a duplicate of row 0, row 4 in no class for want of an embedding.
    const clustering = clusteringOf([1, NO_CLASS, 0, 1, NO_CLASS, 0, 0], [-1, 0, -1, -1, -1, -1, -1])
    const { files } = await write(output, clustering)
    expect(await readJson(output, files[0]!)).toEqual(['group_0000', 'group_0001'])
    expect(await readJson(output, files[1]!)).toEqual([
      { folder: 'group_0001', file_path: '/faces/0.png' },
      { folder: 'group_0000', file_path: '/faces/2.png' },
      { folder: 'group_0001', file_path: '/faces/3.png' },
      { folder: 'group_0000', file_path: '/faces/5.png' },
      { folder: 'group_0000', file_path: '/faces/6.png' },
    ])
  })
})

describe('result', () => {
  it('is there only after the stream has finished', async () => {
    const clustering = clusteringOf([0])
    const stage = writeLabels(labelOptions(await temporaryFolder(), clustering))
    const closed = closing(stage)
    expect(() => stage.result).toThrow('after the stream has finished')
    stage.end(clustering)
    expect(await closed).toBeUndefined()
    expect(stage.result.classes).toBe(1)
  })

  it('creates the output folder where it is missing', async () => {
    const output = join(await temporaryFolder(), 'a', 'b')
    const { files } = await write(output, clusteringOf([0]))
    expect(await visible(output)).toEqual([...files].sort())
  })
})
