import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ReportRunSummary } from '../src/report/run.js'
import { drawAlbum, writeBlockModel } from './album.js'
import { writePeople } from './people.js'
import { facekit, streamOf, temporaryFolder } from './program.js'

const inFolder = temporaryFolder()
const album = inFolder('album')
const model = inFolder('blocks.onnx')
const embeddings = inFolder('embeddings')
const labels = inFolder('labels')
const page = inFolder('labels', 'report.html')

async function succeed(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { status, stdout, stderr } = await facekit(args)
  expect(status, stderr).toBe(0)
  return { stdout, stderr }
}

async function summaryOf(...args: string[]): Promise<ReportRunSummary> {
  return JSON.parse((await succeed('report', ...args, '--json')).stdout) as ReportRunSummary
}

const cluster = (...more: string[]) =>
  succeed('cluster', '--input', embeddings, '--output', labels, '--floor', '0.5', ...more)

beforeAll(async () => {
  drawAlbum(album, 12, 5)
  writeFileSync(inFolder('album', 'broken.bmp'), 'BM')
  writeBlockModel(model)
  await succeed('extract', '--input', album, '--weights', model, '--output', embeddings)
  await cluster()
})

describe('facekit report', () => {
  it('makes a page of what lies about', async () => {
    const { stderr } = await succeed('report', labels)
    expect(stderr).toContain(`open ${page}`)
    const text = readFileSync(page, 'utf8')
    expect(text.replaceAll(/<\/?span[^>]*>/g, '')).toContain(`facekit cluster --input ${embeddings}`)
    expect(text).toContain('broken.bmp')
    expect(text).toMatch(/<dt>Model<\/dt>\s*<dd>[0-9a-f]{64}<\/dd>/)
    expect(text).toContain('Strangers end at')
    const { images, pictures, missingPictures, bytes, file } = await summaryOf(labels)
    expect([images, missingPictures, file]).toEqual([60, 0, page])
    expect(pictures).toBeGreaterThan(40)
    expect(bytes).toBe(readFileSync(page).length)
  })

  it('draws by --seed, and writes where it is told to', async () => {
    const write = async (seed: string) => {
      const { file } = await summaryOf(labels, '--seed', seed, '--output', inFolder(`seed-${seed}`))
      // But for when.
      return readFileSync(file, 'utf8').replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^"<]*/g, '')
    }
    const [one, two] = [await write('1'), await write('2')]
    expect(two).not.toBe(one)
    expect(await write('1')).toBe(one)
  })

  it('comes with cluster, and goes with labels that are no more', async () => {
    const { stderr } = await cluster('--report')
    expect(stderr).toContain(page)
    expect(existsSync(page)).toBe(true)
    await cluster('--cluster_thresh', '0.8')
    expect(existsSync(page)).toBe(false)
  })

  it('replaces no file of somebody else', async () => {
    const output = inFolder('mine')
    mkdirSync(output)
    writeFileSync(inFolder('mine', 'report.html'), 'mine')
    const { status, stderr } = await facekit(['report', labels, '--output', output])
    expect(status).toBe(3)
    expect(stderr).toContain('[OUTPUT_EXISTS]')
    expect(readFileSync(inFolder('mine', 'report.html'), 'utf8')).toBe('mine')
    // cluster says so before it searches.
    const clustered = await facekit(['cluster', '--input', embeddings, '--output', output, '--report'])
    expect(clustered.stderr).toContain('[OUTPUT_EXISTS]')
    expect(readdirSync(output)).toEqual(['report.html'])
  })

  it('goes with what there is, and says what is missing', async () => {
    const moved = inFolder('moved')
    cpSync(labels, moved, { recursive: true })
    rmSync(inFolder('moved', 'edges'), { recursive: true })
    const other = inFolder('elsewhere')
    renameSync(embeddings, other)
    try {
      const alone = await succeed('report', moved)
      expect(alone.stderr).toContain('--input')
      // What run.json names is still there.
      expect(alone.stderr).not.toContain('--edges')
      const named = await succeed('report', moved, '--input', other)
      expect(named.stderr).not.toContain('--input')
    } finally {
      renameSync(other, embeddings)
    }
    rmSync(inFolder('moved', 'run.json'))
    const older = await succeed('report', moved)
    expect(older.stderr).toMatch(/--input[^]*--edges/)
    expect(readFileSync(inFolder('moved', 'report.html'), 'utf8')).toContain('not recorded')
  })

  it('is made of labels that came through a pipe', async () => {
    const output = inFolder('piped')
    const stream = await streamOf(['extract', '--input', album, '--weights', model])
    const { status, stderr } = await facekit(['cluster', '--output', output, '--report'], stream)
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('through a pipe')
    expect(readFileSync(inFolder('piped', 'report.html'), 'utf8')).toContain('id="bridges"')
  })

  it('shows the pictures of a list from where it was read, wherever it is made', async () => {
    const [here, list] = [inFolder('here'), inFolder('list.txt')]
    writeFileSync(list, Array.from({ length: 5 }, (_, i) => `album/person_1/${i}.bmp\n`).join(''))
    const before = process.cwd()
    process.chdir(inFolder())
    try {
      await succeed('extract', '--input', 'list.txt', '--weights', model, '--output', here)
      await succeed('cluster', '--input', here, '--output', inFolder('here-labels'))
    } finally {
      process.chdir(before)
    }
    const { pictures, missingPictures } = await summaryOf(inFolder('here-labels'))
    expect([pictures, missingPictures]).toEqual([5, 0])
  })

  it.each([
    ['a folder without labels', () => [inFolder('album')], 'LABELS_FOLDER'],
    ['embeddings of other rows', () => [labels, '--input', inFolder('others')], 'REPORT_OTHER'],
    [
      'embeddings of as many rows, where no edges tell',
      () => [inFolder('without-edges'), '--input', inFolder('as-many')],
      'REPORT_OTHER',
    ],
    [
      'edges that begin above the threshold',
      () => [inFolder('without-edges'), '--edges', inFolder('higher-edges')],
      'REPORT_OTHER',
    ],
    ['edges of other embeddings', () => [labels, '--edges', inFolder('other-edges')], 'EDGES_OTHER'],
    ['edges that are not there', () => [labels, '--edges', inFolder('album')], 'EDGES_FOLDER'],
  ])('refuses %s', async (_what, args, code) => {
    if (!existsSync(inFolder('others'))) {
      await writePeople(inFolder('others'), 61, 192)
      await succeed('search', '--input', inFolder('others'), '--output', inFolder('other-edges'))
      await writePeople(inFolder('as-many'), 60, 192)
      const higher = inFolder('higher-edges')
      await succeed('search', '--input', embeddings, '--output', higher, '--floor', '0.9')
      const without = inFolder('without-edges')
      await succeed('cluster', '--input', embeddings, '--output', without)
      rmSync(inFolder('without-edges', 'edges'), { recursive: true, force: true })
    }
    const { status, stderr } = await facekit(['report', ...args()])
    expect(stderr).toContain(`[${code}]`)
    expect(status).toBe(3)
  })
})
