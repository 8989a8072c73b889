import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { readLabelRecords, shardEmbeddings } from '@facekit/io-npy'
import { seededRandom } from '@facekit/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { contents, facekit, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const embeddings = inFolder('embeddings')
const DIM = 64
const STRANGERS = 300
const FACES = 40
const BLURRED = 15

/**
 * Two persons of many faces, strangers of two each, and faces so blurred that each is like the next, from one of the two
 * persons to the other.
 */
async function writeChain(): Promise<void> {
  const random = seededRandom(51)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const direction = () => {
    const values = Float64Array.from({ length: DIM }, normal)
    const length = Math.hypot(...values)
    return values.map((value) => value / length)
  }
  const near = (center: Float64Array, share: number) => {
    const other = direction()
    return center.map((value, i) => share * value + Math.sqrt(1 - share * share) * other[i]!)
  }
  const [anna, berta] = [direction(), direction()]
  const faces: [name: string, values: Float64Array][] = []
  for (let i = 0; i < FACES; i++)
    faces.push([`anna/${i}`, near(anna, 0.85)], [`berta/${i}`, near(berta, 0.85)])
  for (let i = 0; i < BLURRED; i++) {
    const angle = (Math.PI / 2) * (i / (BLURRED - 1))
    const between = anna.map((value, at) => Math.cos(angle) * value + Math.sin(angle) * berta[at]!)
    faces.push([`blurred/${i}`, near(between, 0.97)])
  }
  for (let person = 0; person < STRANGERS; person++) {
    const center = direction()
    for (const face of [0, 1]) faces.push([`stranger-${person}/${face}`, near(center, 0.9)])
  }
  await pipeline(
    Readable.from([
      {
        indices: Uint32Array.from(faces.keys()),
        paths: faces.map(([name]) => `/faces/${name}.jpg`),
        embeddings: Float32Array.from(faces.flatMap(([, values]) => [...values])),
        dim: DIM,
        normalized: false,
      },
    ]),
    shardEmbeddings({ output: embeddings }),
  )
}

/** The names of persons in each class that has more than a few faces. */
async function personsOf(labels: string): Promise<string[][]> {
  const file = readdirSync(labels).find((name) => name.endsWith('_data_list.npy'))!
  const classes = new Map<string, string[]>()
  for await (const records of readLabelRecords(join(labels, file)))
    for (const { folder, file_path } of records)
      classes.set(folder, [...(classes.get(folder) ?? []), file_path.split('/')[2]!])
  return [...classes.values()].filter((paths) => paths.length > 20).map((paths) => [...new Set(paths)].sort())
}

async function cluster(output: string, ...flags: string[]): Promise<string> {
  const args = ['cluster', '--input', embeddings, '--output', output, '--save_groups', '0']
  const { status, stderr } = await facekit([...args, ...flags])
  expect(status, stderr).toBe(0)
  return stderr
}

beforeAll(writeChain)

describe('cluster --method communities', () => {
  it('keeps two persons apart whom union-find joins by a chain of blurred faces', async () => {
    const [joined, apart] = [inFolder('joined'), inFolder('apart')]
    const said = await cluster(apart, '--method', 'communities')
    const threshold = /one person at a cosine of ([\d.]+) or more/.exec(said)![1]!
    await cluster(joined, '--cluster_thresh', threshold)
    expect(await personsOf(joined)).toEqual([expect.arrayContaining(['anna', 'berta', 'blurred'])])
    const persons = await personsOf(apart)
    expect(persons).toHaveLength(2)
    for (const names of persons) expect(names.filter((name) => name !== 'blurred')).toHaveLength(1)
  })

  it('says what strangers look like, and what it did, in the log, the file and the summary', async () => {
    const output = inFolder('told')
    const args = ['cluster', '--input', embeddings, '--output', output, '--method', 'communities', '--json']
    const { status, stdout, stderr } = await facekit(args)
    expect(status, stderr).toBe(0)
    const said =
      /Two images may be one person at a cosine of (\d\.\d+) or more: strangers have (-?\d\.\d+) ± (\d\.\d+) \(([\d,]+) random pairs\)/.exec(
        stderr,
      )!
    const [threshold, median, spread] = said.slice(1, 4).map(Number) as [number, number, number]
    expect(threshold).toBeCloseTo(median + 4.6 * spread, 1)
    expect(readFileSync(join(output, 'clustering_result.txt'), 'utf8')).toContain(
      `\nMethod: communities at a cosine of ${threshold}\n`,
    )
    expect(JSON.parse(stdout)).toMatchObject({ method: 'communities', clusterThresh: threshold })
  })

  it('takes a threshold that is given, and edges of an earlier search that reach so low', async () => {
    const output = inFolder('given')
    await cluster(output, '--floor', '0.3')
    const said = await cluster(output, '--method', 'communities', '--cluster_thresh', '0.5')
    expect(said).not.toContain('random pairs')
    expect(said).toContain('taking the edges of an earlier search')
    const label = [
      'label',
      '--input',
      embeddings,
      '--edges',
      join(output, 'edges'),
      '--output',
      inFolder('labelled'),
    ]
    const { status, stderr } = await facekit([
      ...label,
      '--save_groups',
      '0',
      '--method',
      'communities',
      '--cluster_thresh',
      '0.5',
    ])
    expect(status, stderr).toBe(0)
    rmSync(join(output, 'edges'), { recursive: true })
    expect(contents(inFolder('labelled'))).toEqual(contents(output))
  })

  it('gives the same bytes with one thread and two, and with little memory', async () => {
    const outputs = [
      ['--threads', '1'],
      ['--threads', '2', '--memory-limit', '100MiB'],
    ].map((flags, i) => [inFolder(`again-${i}`), flags] as const)
    for (const [output, flags] of outputs) await cluster(output, '--method', 'communities', ...flags)
    expect(contents(outputs[0]![0])).toEqual(contents(outputs[1]![0]))
  })

  it('warns where nobody can tell what strangers look like', async () => {
    const few = inFolder('few')
    await pipeline(
      Readable.from([
        {
          indices: Uint32Array.of(0, 1),
          paths: ['a.jpg', 'b.jpg'],
          embeddings: Float32Array.of(1, 0, 1, 0.1),
          dim: 2,
          normalized: false,
        },
      ]),
      shardEmbeddings({ output: few }),
    )
    const output = inFolder('of-few')
    const args = [
      'cluster',
      '--input',
      few,
      '--output',
      output,
      '--method',
      'communities',
      '--no-remove_duplicates',
    ]
    const { status, stderr } = await facekit(args)
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('too few')
    expect(stderr).toContain('give --cluster_thresh')
  })

  it('auto is for communities', async () => {
    const output = inFolder('refused')
    const args = ['cluster', '--input', embeddings, '--output', output, '--cluster_thresh', 'auto']
    const { status, stderr } = await facekit(args)
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('with --method components but received auto'),
    ])
    expect(existsSync(output)).toBe(false)
  })
})
