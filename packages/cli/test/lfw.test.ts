import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chooseEngine } from '@facekit/index-faiss'
import { readLabelRecords } from '@facekit/io-npy'
import { evaluateClustering } from '@facekit/labels'
import { beforeAll, describe, expect, it } from 'vitest'
import { facekit, temporaryFolder } from './program.js'

const ENGINES = ['screened', 'tiles', ...((await faissIsThere()) ? ['faiss'] : [])]

async function faissIsThere(): Promise<boolean> {
  return chooseEngine('faiss').then(
    () => true,
    () => false,
  )
}

const SHARED = fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url))
const inFolder = temporaryFolder()

/** A file as `folder/name`, the number of its class and that of its true person. */
async function readLabels(labels: string): Promise<{ predicted: number[]; truth: number[] }> {
  const file = readdirSync(labels).find((name) => name.endsWith('_data_list.npy'))!
  const people = new Map<string, number>()
  const predicted: number[] = []
  const truth: number[] = []
  for await (const records of readLabelRecords(join(labels, file))) {
    for (const { folder, file_path } of records) {
      const person = basename(dirname(file_path))
      if (!people.has(person)) people.set(person, people.size)
      predicted.push(Number(folder.slice('group_'.length)))
      truth.push(people.get(person)!)
    }
  }
  return { predicted, truth }
}

describe.skipIf(!existsSync(SHARED))('real photographs', () => {
  const embeddings = inFolder('embeddings')
  beforeAll(async () => {
    const { status, stderr } = await facekit([
      'extract',
      '--input',
      join(SHARED, 'lfw'),
      '--output',
      embeddings,
      '--weights',
      join(SHARED, 'models/mobilefacenet.onnx'),
      '--pixel-mean',
      '123.675,116.28,103.53',
      '--pixel-std',
      '58.395,57.12,57.375',
    ])
    expect(status, stderr).toBe(0)
  }, 120_000)

  // What a plain NumPy computation gives, all pairs and union-find.
  it.each([
    [0.5, 297, 0.9816, 0.9853],
    [0.6, 350, 0.9246, 0.9449],
    [0.7, 505, 0.7253, 0.8107],
  ])('at threshold %f become classes', async (threshold, classes, pairwiseF, bcubedF) => {
    const output = inFolder(`labels-${threshold}`)
    const args = ['cluster', '--input', embeddings, '--output', output, '--cluster_thresh', String(threshold)]
    const { status, stdout, stderr } = await facekit([...args, '--save_groups', '0', '--json'])
    expect(status, stderr).toBe(0)
    const { predicted, truth } = await readLabels(output)
    const { pairwise, bcubed } = evaluateClustering(predicted, truth)
    expect(JSON.parse(stdout)).toMatchObject({ duplicates: 7, classes, labelled: 1037 })
    expect(pairwise.f).toBeCloseTo(pairwiseF, 3)
    expect(bcubed.f).toBeCloseTo(bcubedF, 3)
  })

  it.each([0.5, 0.6, 0.7, 0.9])(
    'at threshold %f get the same labels from every engine',
    async (threshold) => {
      const labels = await Promise.all(
        ENGINES.map(async (engine) => {
          const output = inFolder(`${engine}-${threshold}`)
          const args = ['cluster', '--input', embeddings, '--output', output, '--engine', engine]
          const { status, stderr } = await facekit([
            ...args,
            `--cluster_thresh=${threshold}`,
            '--save_groups=0',
          ])
          expect(status, stderr).toBe(0)
          return readLabels(output)
        }),
      )
      for (const others of labels.slice(1)) expect(others).toEqual(labels[0])
    },
  )
})
