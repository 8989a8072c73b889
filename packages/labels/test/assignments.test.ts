import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS } from '@facekit/core'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { clusteringOf, indexOfRow, pathsFor, pathSource, temporaryFolder, write } from './fixtures.js'

async function read(output: string) {
  const file = await asyncBufferFromFile(join(output, 'assignments.parquet'))
  return { rows: await parquetReadObjects({ file }), metadata: await parquetMetadataAsync(file) }
}

describe('assignments.parquet', () => {
  it('holds every image with its original index, its class and what it is a duplicate of', async () => {
    const output = await temporaryFolder()
    // Row 1 is a duplicate of row 0, row 3 of row 2 in another batch, row 4 in no class.
    const clustering = clusteringOf([1, NO_CLASS, 0, NO_CLASS, NO_CLASS, 0], [-1, 0, -1, 2, -1, -1])
    const paths = ['/a/ä ö.png', '/b/人脸.jpg', '', '/d/🙂\n".jpg', 'C:\\e.jpg', '/f/é.webp']
    const indices = [[3], [10, 11], [4_000_000_000, 4_000_000_001, 4_000_000_007]]
    await write(output, clustering, {
      paths: async function* () {
        let row = 0
        for (const batch of indices) {
          yield { indices: Uint32Array.from(batch), paths: paths.slice(row, row + batch.length) }
          row += batch.length
        }
      },
    })
    const { rows } = await read(output)
    expect(rows).toEqual([
      { path: paths[0], index: 3n, class: 'group_0001', duplicate_of: null },
      { path: paths[1], index: 10n, class: null, duplicate_of: 3n },
      { path: paths[2], index: 11n, class: 'group_0000', duplicate_of: null },
      { path: paths[3], index: 4_000_000_000n, class: null, duplicate_of: 11n },
      { path: paths[4], index: 4_000_000_001n, class: null, duplicate_of: null },
      { path: paths[5], index: 4_000_000_007n, class: 'group_0000', duplicate_of: null },
    ])
  })

  it('has the same bytes whatever the batches in which paths come', async () => {
    const clustering = clusteringOf(Int32Array.from({ length: 10_000 }, (_, row) => row % 7))
    const paths = pathsFor(clustering)
    const contents = await Promise.all(
      [1000, 3333, 4096, 10_000].map(async (batchRows) => {
        const output = await temporaryFolder()
        await write(output, clustering, { paths: pathSource(paths, batchRows) })
        return readFile(join(output, 'assignments.parquet'), 'base64')
      }),
    )
    expect(new Set(contents).size).toBe(1)
  })

  it.each([
    ['batches that fill row groups exactly', 8192],
    ['batches that do not', 10_000],
    ['a batch of more than a row group', 200_000],
  ])('spans row groups: %s', async (_case, batchRows) => {
    const output = await temporaryFolder()
    const random = seededRandom(batchRows)
    const count = 2 * 65_536 + 1000
    const classes = 3000
    const duplicateOf = Int32Array.from({ length: count }, (_, row) =>
      row > classes && random() < 0.2 ? Math.floor(random() * classes) : -1,
    )
    const classOf = duplicateOf.map((stays, row) =>
      stays >= 0 ? NO_CLASS : row < classes ? row : Math.floor(random() * classes),
    )
    const clustering = clusteringOf(classOf, duplicateOf)
    const paths = pathsFor(clustering)
    await write(output, clustering, { paths: pathSource(paths, batchRows) })

    const { rows, metadata } = await read(output)
    expect(metadata.row_groups.length).toBeGreaterThan(1)
    expect(Math.max(...metadata.row_groups.map((group) => Number(group.num_rows)))).toBeLessThanOrEqual(
      65_536,
    )
    expect(rows.length).toBe(count)
    const different = rows.findIndex((found, row) => {
      const number = classOf[row]!
      const stays = duplicateOf[row]!
      return !(
        found.path === paths[row] &&
        found.index === BigInt(indexOfRow(row)) &&
        found.class === (number === NO_CLASS ? null : `group_${String(number).padStart(4, '0')}`) &&
        found.duplicate_of === (stays === -1 ? null : BigInt(indexOfRow(stays)))
      )
    })
    expect(
      different,
      JSON.stringify(rows[different], (_, value) => String(value)),
    ).toBe(-1)
  })

  it.each([
    ['only in classes', [0, 0]],
    ['in no class', [NO_CLASS, NO_CLASS]],
    ['none', []],
  ])('can be read back with images %s', async (_case, classOf) => {
    const output = await temporaryFolder()
    await write(output, clusteringOf(classOf))
    const { rows, metadata } = await read(output)
    expect(rows.map((row) => row.class)).toEqual(classOf.map((c) => (c === NO_CLASS ? null : 'group_0000')))
    expect(
      metadata.schema.map(({ name, type, repetition_type }) => [name, type, repetition_type]).slice(1),
    ).toEqual([
      ['path', 'BYTE_ARRAY', 'REQUIRED'],
      ['index', 'INT64', 'REQUIRED'],
      ['class', 'BYTE_ARRAY', 'OPTIONAL'],
      ['duplicate_of', 'INT64', 'OPTIONAL'],
    ])
  })
})
