import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { parquetWriteFile } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { holdsAssignments, readFollowed } from '../src/index.js'
import { clusteringOf, indexOfRow, pathsFor, temporaryFolder, write } from './fixtures.js'

async function readAll(folder: string) {
  const all = {
    paths: [] as string[],
    indices: [] as number[],
    classOf: [] as number[],
    isDuplicate: [] as number[],
  }
  for await (const { paths, indices, classOf, isDuplicate } of readFollowed(folder, { withPaths: true })) {
    all.paths.push(...paths)
    all.indices.push(...indices)
    all.classOf.push(...classOf)
    all.isDuplicate.push(...isDuplicate)
  }
  return all
}

describe('readFollowed', () => {
  it('gives what was written, duplicates in the class of the image that stays', async () => {
    const output = await temporaryFolder()
    expect(await holdsAssignments(output)).toBe(false)
    const clustering = clusteringOf([1, NO_CLASS, 0, NO_CLASS, NO_CLASS, 0], [-1, 0, -1, 2, -1, -1])
    await write(output, clustering)
    expect(await holdsAssignments(output)).toBe(true)
    expect(await readAll(output)).toEqual({
      paths: pathsFor(clustering),
      indices: [0, 1, 2, 3, 4, 5].map(indexOfRow),
      classOf: [1, 1, 0, 0, NO_CLASS, 0],
      isDuplicate: [0, 1, 0, 1, 0, 0],
    })
  })

  it('spans row groups', async () => {
    const output = await temporaryFolder()
    const random = seededRandom(3)
    const count = 150_000
    const classes = 2000
    const duplicateOf = Int32Array.from({ length: count }, (_, row) =>
      row > classes && random() < 0.2 ? Math.floor(random() * classes) : -1,
    )
    const classOf = duplicateOf.map((stays, row) =>
      stays >= 0 ? NO_CLASS : row < classes ? row : Math.floor(random() * classes),
    )
    await write(output, clusteringOf(classOf, duplicateOf))
    const found = await readAll(output)
    expect(found.classOf).toEqual(
      Array.from(classOf, (number, row) => (duplicateOf[row]! >= 0 ? classOf[duplicateOf[row]!]! : number)),
    )
    expect(found.isDuplicate.filter(Boolean)).toHaveLength(duplicateOf.filter((row) => row >= 0).length)
  })

  it('takes labels of no images', async () => {
    const output = await temporaryFolder()
    await write(output, clusteringOf([]))
    expect((await readAll(output)).paths).toEqual([])
  })

  it('refuses a file that is damaged, or none', async () => {
    const output = await temporaryFolder()
    await expect(readAll(output)).rejects.toMatchObject({ code: 'LABELS_FOLDER' })
    await write(output, clusteringOf([0]))
    await appendFile(join(output, 'assignments.parquet'), 'x')
    await expect(readAll(output)).rejects.toMatchObject({ code: 'LABELS_CHANGED' })
    await writeFile(join(output, 'assignments.parquet'), '')
    await expect(readAll(output)).rejects.toThrow(join(output, 'assignments.parquet'))
  })

  const columns = (...changed: { name: string; data: unknown[] }[]) => {
    const known = new Map<string, unknown[]>([
      ['path', ['a', 'b']],
      ['index', [0n, 1n]],
      ['class', ['group_0000', null]],
      ['duplicate_of', [null, 0n]],
    ])
    for (const { name, data } of changed) known.set(name, data)
    return [...known].flatMap(([name, data]) => (data.length > 0 ? [{ name, data }] : []))
  }

  it.each([
    ['a class of another name', { name: 'class', data: ['somebody', null] }],
    ['a duplicate of none', { name: 'duplicate_of', data: [null, 7n] }],
    ['an image without a path', { name: 'path', data: ['a', null] }],
    ['an image without an index', { name: 'index', data: [0n, null] }],
    ['no column of classes', { name: 'class', data: [] }],
    ['no column of duplicates', { name: 'duplicate_of', data: [] }],
  ])('refuses a file of %s', async (_case, changed) => {
    const output = await temporaryFolder()
    const writing = (columnData: { name: string; data: unknown[] }[]) =>
      parquetWriteFile({ filename: join(output, 'assignments.parquet'), columnData })
    await writing(columns())
    expect((await readAll(output)).classOf).toEqual([0, 0])
    await writing(columns(changed))
    await expect(readAll(output)).rejects.toMatchObject({ code: 'LABELS_CHANGED' })
  })
})
