import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NO_CLASS } from '@facekit/core'
import { seededRandom } from '@facekit/testing'
import { describe, expect, it } from 'vitest'
import { openAssignments, readLabelRun, type LabelRunStart } from '../src/index.js'
import { clusteringOf, indexOfRow, pathSource, temporaryFolder, visible, write } from './fixtures.js'

const START: LabelRunStart = {
  facekit: '0.1.0',
  command: ['cluster', '--input', 'faces\n'],
  folder: '/work',
  startedAt: new Date(0).toISOString(),
  input: null,
  edges: '/labels/edges',
  embeddings: 'sha256:0',
  model: {
    weights: '/model.onnx',
    sha256: '0'.repeat(64),
    outputName: null,
    dim: 512,
    normalized: true,
    precision: null,
    mean: [127.5, 127.5, 127.5],
    std: null,
    channels: 'rgb',
    width: 112,
    height: 112,
  },
  method: 'components',
  clusterThresh: 0.7,
  duplicateThresh: null,
  images: 4,
  unusable: 1,
}

const WHOLE = {
  ...START,
  version: 1,
  seconds: 1,
  classes: 2,
  keptNames: false,
  nextName: 2,
  labelled: 3,
  duplicates: 0,
}

describe('openAssignments', () => {
  it('gives back what was written, over row groups and pages', async () => {
    const output = await temporaryFolder()
    const random = seededRandom(1)
    const rows = 9000
    const duplicateOf = Int32Array.from({ length: rows }, (_, row) =>
      row > 100 && random() < 0.2 ? Math.floor(random() * 100) : -1,
    )
    const classOf = duplicateOf.map((stays, row) =>
      stays >= 0 ? NO_CLASS : row < 20 ? row : Math.floor(random() * 20),
    )
    // Long enough for a column of a row group to take several pages.
    const paths = Array.from({ length: rows }, (_, row) => `/${'folder/'.repeat(60)}${row} 🙂.jpg`)
    await write(output, clusteringOf(classOf, duplicateOf), { paths: pathSource(paths, 1000) })

    const assignments = await openAssignments(output)
    expect(assignments.rows).toBe(rows)
    let row = 0
    for await (const batch of assignments.batches()) {
      expect(batch.firstRow).toBe(row)
      batch.classOf.forEach((number, i) => {
        const stays = duplicateOf[row]!
        const index = stays < 0 ? -1 : indexOfRow(stays)
        if (number !== classOf[row] || batch.indices[i] !== indexOfRow(row) || batch.duplicateOf[i] !== index)
          expect.fail(`row ${row}`)
        row++
      })
    }
    expect(row).toBe(rows)
    const wanted = [0, 1, 4095, 4096, 8191, 8999]
    expect(await assignments.paths(wanted)).toEqual(wanted.map((at) => paths[at]))
    expect(await assignments.paths([])).toEqual([])
  })

  it('says where there are no labels, and what is damaged', async () => {
    const output = await temporaryFolder()
    const missing = { code: 'LABELS_FOLDER', message: expect.stringContaining('facekit cluster') as string }
    await expect(openAssignments(output)).rejects.toMatchObject(missing)
    await writeFile(join(output, 'assignments.parquet'), 'no Parquet')
    await expect(openAssignments(output)).rejects.toMatchObject({ code: 'LABELS_CHANGED' })
  })
})

describe('run.json', () => {
  it('says what made the labels', async () => {
    const output = await temporaryFolder()
    expect(await readLabelRun(output)).toBeUndefined()
    const clustering = clusteringOf([0, 0, 1, NO_CLASS], [-1, -1, -1, 0])
    const { files } = await write(output, clustering, { run: START })
    expect(files).toContain('run.json')
    expect(await visible(output)).toContain('run.json')
    const run = await readLabelRun(output)
    expect(run).toMatchObject({ ...START, classes: 2, labelled: 3, duplicates: 1 })
    expect(run).toMatchObject({ keptNames: false, nextName: 2 })
    expect(run!.seconds).toBeGreaterThan(0)
    // Labels of whoever does not say are not those of this run.
    await write(output, clustering, {})
    expect(await readLabelRun(output)).toBeUndefined()
  })

  it('is taken with all its fields', async () => {
    const output = await temporaryFolder()
    await writeFile(join(output, 'run.json'), JSON.stringify(WHOLE))
    expect(await readLabelRun(output)).toEqual(WHOLE)
  })

  it.each([
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['of another version', JSON.stringify({ ...START, version: 2 })],
    ['without its counts', JSON.stringify({ ...START, version: 1 })],
    ['with a threshold that is none', JSON.stringify({ ...WHOLE, clusterThresh: '0.7' })],
    ['with a number of images that is none', JSON.stringify({ ...WHOLE, images: 3.5 })],
    ['with a number below 0 for the next name', JSON.stringify({ ...WHOLE, nextName: -1 })],
    ['with a model that is none', JSON.stringify({ ...WHOLE, model: { weights: 'x' } })],
  ])('is refused where it is %s', async (_what, text) => {
    const output = await temporaryFolder()
    await writeFile(join(output, 'run.json'), text)
    const refused = {
      code: 'LABEL_RUN',
      message: expect.stringContaining(join(output, 'run.json')) as string,
    }
    await expect(readLabelRun(output)).rejects.toMatchObject(refused)
  })
})
