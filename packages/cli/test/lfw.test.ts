import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chooseEngine } from '@facekit/index-faiss'
import { readLabelRecords } from '@facekit/io-npy'
import { evaluateClustering, type LabelSummary } from '@facekit/labels'
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

  it.each([
    // Of 122 people.
    [0.35, 705, true],
    [0.5, 11, false],
    [0.7, 11, false],
  ])(
    'at threshold %f have a largest class that is named, and whether it chains',
    async (threshold, most, isChain) => {
      const output = inFolder(`largest-${threshold}`)
      const args = [
        'cluster',
        '--input',
        embeddings,
        '--output',
        output,
        '--cluster_thresh',
        String(threshold),
      ]
      const { stdout, stderr } = await facekit([...args, '--save_groups', '0', '--json'])
      const { largest } = JSON.parse(stdout) as LabelSummary
      expect(largest).toMatchObject({ class: 'group_0000', isChain })
      expect(largest!.share).toBeCloseTo(largest!.images / 1037, 10)
      if (isChain) expect(largest!.images).toBe(most)
      else expect(largest!.images).toBeLessThanOrEqual(most)
      expect(stderr).toContain(`The largest class, group_0000, has ${largest!.images} images, `)
      const warning = 'group_0000 looks like several persons who chain: '
      if (!isChain) expect(stderr).not.toContain(warning)
      else {
        expect(stderr).toContain(warning)
        for (const way of ['facekit thresholds', '--method communities', `facekit report ${output}`])
          expect(stderr).toContain(way)
      }
    },
  )

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
