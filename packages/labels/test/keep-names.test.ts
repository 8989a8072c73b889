import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS, NOT_A_DUPLICATE, type Clustering } from '@facekit/core'
import { rounds, seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import {
  checkRoomForKeptNames,
  openAssignments,
  openLabels,
  readLabelRun,
  writeLabels,
  type LabelRunStart,
  type LabelSummary,
} from '../src/index.js'
import { closing, labelOptions, readJson, temporaryFolder, visible, write } from './fixtures.js'

const RUN: LabelRunStart = {
  facekit: '0.1.0',
  command: [],
  folder: '/',
  startedAt: new Date(0).toISOString(),
  input: null,
  edges: null,
  embeddings: 'sha256:0',
  model: null,
  method: 'components',
  clusterThresh: 0.7,
  duplicateThresh: 0.9,
  images: 0,
  unusable: 0,
}

/** A clustering of rows of any labels: classes by size, ties by smallest row. Duplicates are of rows before them. */
function clusteringOf(
  labels: readonly number[],
  duplicateOf = labels.map(() => NOT_A_DUPLICATE),
): Clustering {
  const rowsOf = new Map<number, number[]>()
  labels.forEach((label, row) => {
    if (label === NO_CLASS || duplicateOf[row] !== NOT_A_DUPLICATE) return
    rowsOf.set(label, [...(rowsOf.get(label) ?? []), row])
  })
  const classes = [...rowsOf.values()].sort((a, b) => b.length - a.length || a[0]! - b[0]!)
  const classOf = new Int32Array(labels.length).fill(NO_CLASS)
  classes.forEach((rows, number) => rows.forEach((row) => (classOf[row] = number)))
  return {
    classOf,
    duplicateOf: Int32Array.from(duplicateOf),
    sizes: Uint32Array.from(classes, (rows) => rows.length),
  }
}

/** Writes labels over those that are there, whose names they keep. */
async function writeNext(folder: string, clustering: Clustering): Promise<LabelSummary> {
  const before = await readLabelRun(folder)
  const earlier = before && { folder, images: before.images, nextName: before.nextName }
  return write(folder, clustering, { run: { ...RUN, images: clustering.classOf.length }, earlier })
}

/** The number in the name of the class of each row, that of the row that stays for a duplicate. */
async function namesIn(folder: string): Promise<number[]> {
  const names: number[] = []
  const ofIndex = new Map<number, number>()
  for await (const { indices, classOf, duplicateOf } of (await openAssignments(folder)).batches())
    classOf.forEach((number, i) => {
      const name = duplicateOf[i]! < 0 ? number : ofIndex.get(duplicateOf[i]!)!
      ofIndex.set(indices[i]!, name)
      names.push(name)
    })
  return names
}

async function changesIn(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'changes.csv'), 'utf8')
  const [head, ...rows] = text.split('\n')
  expect(head).toBe('earlier,now,change,images')
  expect(rows.pop()).toBe('')
  return rows
}

const nameOf = (number: number) => `group_${String(number).padStart(4, '0')}`

/** The rule as it is stated, by counting. */
function expected(clustering: Clustering, earlier: readonly number[], next: number) {
  const { classOf, duplicateOf, sizes } = clustering
  const followed = [...classOf].map((number, row) =>
    duplicateOf[row]! < 0 ? number : classOf[duplicateOf[row]!]!,
  )
  const shared = (name: number | undefined, now: number) =>
    followed.filter((number, row) => number === now && (earlier[row] ?? NO_CLASS) === (name ?? NO_CLASS))
      .length
  const names = [...new Set(earlier)].filter((name) => name !== NO_CLASS).sort((a, b) => a - b)
  const classes = [...sizes.keys()]
  /** The first of those with most, undefined where there are none. */
  const most = (of: readonly number[], count: (one: number) => number) =>
    of.reduce<number | undefined>(
      (best, one) => (count(one) > (best === undefined ? 0 : count(best)) ? one : best),
      undefined,
    )
  const heirOf = new Map(names.map((name) => [name, most(classes, (now) => shared(name, now))]))
  const mainOf = classes.map((now) => most(names, (name) => shared(name, now)))
  const numbers = mainOf.map((main, now) => (main !== undefined && heirOf.get(main) === now ? main : next++))
  const changes = names.flatMap((name) =>
    classes.flatMap((now) => {
      const images = shared(name, now)
      if (images === 0) return []
      const change = heirOf.get(name) !== now ? 'split' : numbers[now] === name ? 'kept' : 'merged'
      return [[nameOf(name), nameOf(numbers[now]!), change, images].join(',')]
    }),
  )
  const added = classes.flatMap((now) =>
    mainOf[now] === undefined ? [['', nameOf(numbers[now]!), 'new', shared(undefined, now)].join(',')] : [],
  )
  const named = followed.map((number) => (number === NO_CLASS ? NO_CLASS : numbers[number]!))
  return { named, next, changes: [...changes, ...added] }
}

/** Rows of random labels, in which others were added and some moved, with duplicates and rows in no class. */
function randomLabels(before: readonly number[], random: () => number) {
  const below = (most: number) => Math.floor(random() * most)
  const many = 2 + below(20)
  const moved = random() ** 2
  const labels = before.map((label) => (label !== NO_CLASS && random() < moved ? below(many) : label))
  for (let added = below(30); added > 0; added--) labels.push(random() < 0.1 ? NO_CLASS : below(many))
  const duplicates = random() < 0.5 ? random() * 0.6 : 0
  const duplicateOf = labels.map(() => NOT_A_DUPLICATE)
  labels.forEach((label, row) => {
    if (label === NO_CLASS || row === 0 || random() >= duplicates) return
    const stays = below(row)
    if (labels[stays] !== NO_CLASS && duplicateOf[stays] === NOT_A_DUPLICATE) duplicateOf[row] = stays
  })
  return { labels, duplicateOf }
}

describe('names of earlier labels', () => {
  it('go by the rule, week after week, whatever becomes of classes', async () => {
    const counts = new Map<string, number>()
    for (let seed = 1; seed <= rounds(10, 150); seed++) {
      const random = seededRandom(seed)
      const folder = await temporaryFolder()
      let { labels, duplicateOf } = randomLabels([], random)
      await writeNext(folder, clusteringOf(labels, duplicateOf))
      let given = (await readLabelRun(folder))!.nextName
      for (let week = 0; week < 5; week++) {
        const earlier = await namesIn(folder)
        ;({ labels, duplicateOf } = randomLabels(labels, random))
        const clustering = clusteringOf(labels, duplicateOf)
        const { named, next, changes } = expected(clustering, earlier, given)
        const summary = await writeNext(folder, clustering)
        expect(await namesIn(folder), `seed ${seed}, week ${week}`).toEqual(named)
        expect(await changesIn(folder)).toEqual(changes)
        const run = (await readLabelRun(folder))!
        expect(run).toMatchObject({ keptNames: true, nextName: next, classes: clustering.sizes.length })
        for (const [change, count] of Object.entries(summary.changes!)) {
          expect(changes.filter((row) => row.includes(`,${change},`))).toHaveLength(count)
          counts.set(change, (counts.get(change) ?? 0) + count)
        }
        given = next
      }
    }
    for (const change of ['kept', 'merged', 'split', 'new']) expect(counts.get(change)).toBeGreaterThan(5)
  }, 600_000)

  it('stay where nothing changes, and do not depend on the order of rows', async () => {
    const random = seededRandom(5)
    const rows = 600
    const labels = Array.from({ length: rows }, (_, row) => Math.floor(row / 15))
    const later = labels.map((label) => (random() < 0.1 ? Math.floor(random() * 40) : label))
    const order = labels.map((_, row) => row)
    const shuffled = order.map((row) => [random(), row] as const).sort(([a], [b]) => a - b)
    const found: number[][] = []
    for (const rowsOf of [order, shuffled.map(([, row]) => row)]) {
      const folder = await temporaryFolder()
      const ordered = (of: readonly number[]) => clusteringOf(rowsOf.map((row) => of[row]!))
      // Labels of a name each, as they are told apart whatever the order.
      await writeNext(folder, ordered(labels))
      const first = await namesIn(folder)
      await writeNext(folder, ordered(later))
      const names = await namesIn(folder)
      await writeNext(folder, ordered(later))
      expect(await namesIn(folder)).toEqual(names)
      expect((await changesIn(folder)).every((row) => row.includes(',kept,'))).toBe(true)
      // By the label that each name was given to.
      const labelOf = new Map(first.map((name, i) => [name, labels[rowsOf[i]!]!]))
      const inOrder: number[] = []
      names.forEach((name, i) => (inOrder[rowsOf[i]!] = labelOf.get(name)!))
      found.push(inOrder)
    }
    expect(found[1]).toEqual(found[0])
    expect(found[0]).toEqual(later)
  })

  it('are in all files, with gaps where classes are no more', async () => {
    const folder = await temporaryFolder()
    await writeNext(folder, clusteringOf([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4]))
    // The second and the third become one, the fourth comes apart from nobody, the last joins the first; two are new.
    const labels = [0, 0, 0, 9, 1, 1, 1, 1, 1, 3, 0, 5, 5, 5, 5, 5, 5, 6]
    const previews = { groups: 2, decode: async () => new Uint8Array(112 * 112 * 3) }
    const before = (await readLabelRun(folder))!
    const { files, changes, removed } = await write(folder, clusteringOf(labels), {
      run: { ...RUN, images: labels.length },
      earlier: { folder, images: before.images, nextName: before.nextName },
      previews,
    })
    expect(changes).toEqual({ kept: 3, merged: 2, split: 1, new: 2 })
    expect(removed).toEqual([
      'fr_train_5_class_11_data_classes.npy',
      'fr_train_5_class_11_data_data_list.npy',
    ])
    expect(await readJson(folder, files[0]!)).toEqual([
      'group_0000',
      'group_0001',
      'group_0003',
      'group_0005',
      'group_0006',
      'group_0007',
    ])
    const names = [0, 0, 0, 6, 1, 1, 1, 1, 1, 3, 0, 5, 5, 5, 5, 5, 5, 7]
    const records = names.map((name, row) => ({ folder: nameOf(name), file_path: `/faces/${row}.png` }))
    expect(await readJson(folder, files[1]!)).toEqual(records)
    expect(await namesIn(folder)).toEqual(names)
    expect((await visible(folder)).filter((name) => name.startsWith('group_'))).toEqual([
      'group_0001',
      'group_0005',
    ])
    expect(await changesIn(folder)).toEqual([
      'group_0000,group_0000,kept,3',
      'group_0000,group_0006,split,1',
      'group_0001,group_0001,kept,3',
      'group_0002,group_0001,merged,2',
      'group_0003,group_0003,kept,1',
      'group_0004,group_0000,merged,1',
      ',group_0005,new,6',
      ',group_0007,new,1',
    ])
    expect(await readLabelRun(folder)).toMatchObject({ keptNames: true, nextName: 8, classes: 6 })

    // A number that was given is not given again, though its class is no more.
    await writeNext(folder, clusteringOf([...labels.slice(0, -1), 0, 7]))
    expect((await namesIn(folder)).slice(-2)).toEqual([0, 8])
    // Numbered by size again, there are no changes.
    const anew = await write(folder, clusteringOf(labels), { run: RUN })
    expect(anew.changes).toBeUndefined()
    expect(anew.removed).toContain('changes.csv')
    expect(await readLabelRun(folder)).toMatchObject({ keptNames: false, nextName: 6 })
  })

  it('do not go to what is left of a class when most of it went elsewhere', async () => {
    const folder = await temporaryFolder()
    await writeNext(folder, clusteringOf([0, 0, 0, 0, 1, 1, 1]))
    await writeNext(folder, clusteringOf([0, 0, 0, 0, 0, 0, 1, 1]))
    expect(await changesIn(folder)).toEqual([
      'group_0000,group_0000,kept,4',
      'group_0001,group_0000,merged,2',
      'group_0001,group_0002,split,1',
    ])
  })

  it('count removed images with those that stay', async () => {
    const folder = await temporaryFolder()
    // Row 0 has three duplicates: its class is the larger one.
    const duplicateOf = [-1, 0, 0, 0, -1, -1]
    await writeNext(folder, clusteringOf([5, 5, 5, 5, 6, 6], duplicateOf))
    expect(await namesIn(folder)).toEqual([1, 1, 1, 1, 0, 0])
    await writeNext(folder, clusteringOf([5, 5, 5, 5, 5, 5]))
    expect(await changesIn(folder)).toEqual([
      'group_0000,group_0001,merged,2',
      'group_0001,group_0001,kept,4',
    ])
    // What was removed stays, and is in a class of its own.
    await writeNext(folder, clusteringOf([5, 5, 5, 5, 6, 6], duplicateOf))
    expect(await namesIn(folder)).toEqual([1, 1, 1, 1, 2, 2])
    await writeNext(folder, clusteringOf([5, 7, 7, 5, 6, 6]))
    expect(await namesIn(folder)).toEqual([1, 3, 3, 1, 2, 2])
  })

  it('are refused where they are not of the images that they are said to be of', async () => {
    const folder = await temporaryFolder()
    await writeNext(folder, clusteringOf([0, 0, 1]))
    const named = async (images: number, nextName = 2) =>
      write(await temporaryFolder(), clusteringOf([0, 0, 1, 2]), { earlier: { folder, images, nextName } })
    await expect(named(4)).rejects.toMatchObject({
      code: 'LABELS_CHANGED',
      message: expect.stringMatching(/labels of 4 images in .* but there are 3.*--no-keep-names/) as string,
    })
    await expect(named(2)).rejects.toMatchObject({ code: 'LABELS_CHANGED' })
    const fewer = write(await temporaryFolder(), clusteringOf([0]), {
      earlier: { folder, images: 3, nextName: 2 },
    })
    await expect(fewer).rejects.toMatchObject({ code: 'LABELS_CHANGED' })
    await expect(named(3, 2 ** 31)).rejects.toMatchObject({
      code: 'LABEL_NAMES',
      message: expect.stringContaining('group_2147483647 the last') as string,
    })
    // The highest that there can be is given, and read again.
    expect((await named(3, 2 ** 31 - 1)).changes).toMatchObject({ kept: 2, new: 1 })
    // One that is too low, in a file that was changed by hand, is not believed.
    expect((await named(3, 0)).classes).toBe(3)
  })

  it('do not take the place of what facekit did not make', async () => {
    const folder = await temporaryFolder()
    await writeNext(folder, clusteringOf([0, 0, 1]))
    await writeFile(join(folder, 'changes.csv'), 'mine')
    const pending = await openLabels(folder, 1)
    await expect(checkRoomForKeptNames(pending, 1)).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('changes.csv') as string,
    })
    await pending.discard()
    await expect(writeNext(folder, clusteringOf([0, 0, 1, 1]))).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    })
    // Nobody is asked to move it away for labels that have none.
    await write(folder, clusteringOf([0, 0, 1, 1]), { run: RUN })
    expect(await readFile(join(folder, 'changes.csv'), 'utf8')).toBe('mine')
  })

  it('stop being looked for where labels are no longer wanted', async () => {
    const folder = await temporaryFolder()
    const clustering = clusteringOf([0, 0, 1])
    await writeNext(folder, clustering)
    const earlier = { folder, images: 3, nextName: 2 }
    const stage = writeLabels(labelOptions(await temporaryFolder(), clustering, { earlier }))
    const closed = closing(stage)
    stage.write(clustering)
    stage.destroy(new Error('stopped'))
    expect((await closed)?.message).toBe('stopped')
    expect(stage.isCommitted).toBe(false)
  })
})
