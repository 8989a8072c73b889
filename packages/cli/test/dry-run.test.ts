import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ClusterSummary } from '../src/cluster/run.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { contents, facekit, streamOf, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
const embeddings = inFolder('embeddings')
const extract = ['extract', '--input', album, '--weights', model]

beforeAll(async () => {
  drawAlbum(album, 12, 5)
  writeBlockModel(model)
  expect((await facekit([...extract, '--output', embeddings])).status).toBe(0)
})

/** What labels come to, without what differs between one run and another. */
function comesTo(stdout: string) {
  const { classes, singletons, labelled, duplicates, largest, files, removed } = JSON.parse(
    stdout,
  ) as ClusterSummary
  return { classes, singletons, labelled, duplicates, largest, files, removed }
}

async function ran(args: string[], stdin?: Uint8Array) {
  const { status, stdout, stderr } = await facekit([...args, '--json'], stdin)
  expect(status, stderr).toBe(0)
  return { stdout, stderr, summary: JSON.parse(stdout) as ClusterSummary }
}

describe('cluster --dry-run', () => {
  const clusterInto = (output: string, ...more: string[]) => [
    'cluster',
    '--input',
    embeddings,
    '--output',
    output,
    '--save_groups=2',
    ...more,
  ]

  it('says what a run comes to, keeps its edges, and leaves the labels as they are', async () => {
    const output = inFolder('earlier')
    await ran(clusterInto(output, '--report'))
    const before = contents(output)
    const other = clusterInto(output, '--cluster_thresh', '0.95', '--duplicate_thresh', '0.99')
    const dry = await ran([...other, '--dry-run'])
    expect(contents(output)).toEqual(before)
    expect(dry.summary).toMatchObject({ dryRun: true, edgesReused: true, previews: 0 })
    expect(dry.stderr).toContain(
      `to ${output}, in the place of assignments.parquet, clustering_result.txt, duplicates.csv, fr_train_12_class_57_data_classes.npy`,
    )
    expect(dry.stderr).toContain('report.html and folders of previews (2) of an earlier one')
    expect(dry.stderr).toContain(`no labels written to ${output}`)
    const real = await ran(other)
    expect(real.summary).toMatchObject({ dryRun: false, edgesReused: true })
    expect(comesTo(dry.stdout)).toEqual(comesTo(real.stdout))
  })

  it('leaves nothing but edges where there was nothing, of a stream as well', async () => {
    const [byFolder, byStream] = [inFolder('fresh'), inFolder('fresh-stream')]
    await ran(clusterInto(byFolder, '--dry-run'))
    await ran(['cluster', '--output', byStream, '--save_groups=2', '--dry-run'], await streamOf(extract))
    for (const output of [byFolder, byStream]) {
      expect(readdirSync(output)).toEqual(['edges'])
      expect((await ran(clusterInto(output))).summary).toMatchObject({ edgesReused: true })
    }
  })

  it('leaves nothing at all where edges are not to be kept, and takes none away', async () => {
    const output = inFolder('nothing')
    await ran(clusterInto(output, '--dry-run', '--no-keep-edges'))
    expect(existsSync(output)).toBe(false)
    await ran(clusterInto(output, '--floor', '0.5'))
    const before = contents(output)
    await ran(clusterInto(output, '--dry-run', '--no-keep-edges', '--cluster_thresh', '0.4'))
    expect(contents(output)).toEqual(before)
  })

  it('refuses what a run would refuse, and a report of labels that there are not', async () => {
    const output = inFolder('foreign')
    mkdirSync(output)
    writeFileSync(inFolder('foreign', 'duplicates.csv'), 'mine')
    const inTheWay = await facekit(clusterInto(output, '--dry-run'))
    expect(inTheWay).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[OUTPUT_EXISTS]') as string,
    })
    const report = await facekit(clusterInto(output, '--dry-run', '--report'))
    expect(report).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Expected no --report with --dry-run') as string,
    })
  })
})

describe('label --dry-run', () => {
  it('says what a run comes to, and writes nothing', async () => {
    const [edges, output] = [inFolder('edges'), inFolder('by-label')]
    await facekit(['search', '--input', embeddings, '--output', edges])
    const label = ['label', '--input', embeddings, '--edges', edges, '--output', output]
    const dry = await ran([...label, '--dry-run'])
    expect(dry.summary).toMatchObject({ dryRun: true })
    expect(existsSync(output)).toBe(false)
    const real = await ran(label)
    expect(comesTo(dry.stdout)).toEqual(comesTo(real.stdout))
    const before = contents(output)
    await ran([...label, '--dry-run', '--cluster_thresh', '0.95'])
    expect(contents(output)).toEqual(before)
  })
})
